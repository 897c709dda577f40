import assert from "node:assert/strict";
import {
  measuredOom,
  oomAgreement,
  oomAgreementText,
  tokenAgreementText,
  tokenMismatches,
} from "../../lib/report/agreement.ts";
import { predictsOom } from "../../lib/plan/selection.ts";
import type { CellStatus } from "../../lib/run/protocol.ts";
import type { Verdict } from "../../lib/plan/prediction.ts";
import { cell, type MeasuredFigures, reported } from "./builders.ts";

function one(verdict: Verdict, status: CellStatus) {
  return reported(cell({ use: "ds-zero", batchSize: 1, verdict }), { status });
}

Deno.test("more likely than not counts as predicted, an invalid cell never does", () => {
  const planned = cell({ use: "ds-zero", batchSize: 1, verdict: "tight" });
  const at = (oomProbability: number) =>
    predictsOom({ ...planned, prediction: { ...planned.prediction, oomProbability } });
  assert.equal(at(0.5), false);
  assert.equal(at(0.51), true);
  const invalid = { ...planned.prediction, verdict: "invalid", oomProbability: 1 } as const;
  assert.equal(predictsOom({ ...planned, prediction: invalid }), false);
});

Deno.test("out of memory is of the device or of the host", () => {
  assert.deepEqual(
    (["ok", "oom", "host-oom", "timeout", "crashed", "skipped", "interrupted"] as const)
      .filter((status) => measuredOom(one("fits", status))),
    ["oom", "host-oom"],
  );
});

Deno.test("only cells that ran to an end are compared", () => {
  const agreement = oomAgreement([
    one("fits", "ok"),
    one("oom", "oom"),
    one("oom", "host-oom"),
    one("fits", "oom"),
    one("oom", "ok"),
    one("oom", "skipped"),
    one("invalid", "skipped"),
    one("fits", "crashed"),
  ]);
  assert.deepEqual(
    { ...agreement, disagreeing: agreement.disagreeing.map(({ status }) => status) },
    { compared: 5, predicted: 3, measured: 3, disagreeing: ["oom", "ok"], untried: 1 },
  );
});

Deno.test("the closing line counts predictions, measurements and agreement", () => {
  const text = (...cells: Parameters<typeof oomAgreement>[0][number][]) =>
    oomAgreementText(oomAgreement(cells));
  assert.equal(text(one("fits", "ok")), "oom: 0 predicted, 0 measured, the one cell agrees");
  assert.equal(
    text(one("fits", "ok"), one("oom", "oom")),
    "oom: 1 predicted, 1 measured, all 2 cells agree",
  );
  assert.equal(
    text(one("fits", "oom"), one("fits", "ok")),
    "oom: 0 predicted, 1 measured, 1 of 2 cells agree",
  );
  assert.equal(
    text(one("oom", "skipped"), one("fits", "crashed")),
    "oom: no cell ran to an end; 1 more predicted and not tried",
  );
});

/** Two strategies with one batch each, the second as told. */
function pair(figures: MeasuredFigures) {
  return [
    reported(cell({ use: "accelerate", batchSize: 1 })),
    reported(cell({ use: "ds-zero", batchSize: 1 }), figures),
  ];
}

Deno.test("strategies that got the same inputs are compared by their tokens", () => {
  assert.equal(
    tokenAgreementText(pair({})),
    "tokens: accelerate and ds-zero produced the same tokens in the one batch",
  );
  assert.equal(
    tokenAgreementText(pair({ tokensSha256: "b".repeat(64) })),
    "tokens: accelerate and ds-zero produced different tokens in 1 of 1 batch",
  );
});

Deno.test("one strategy alone, other batches and cells without tokens are not compared", () => {
  assert.equal(tokenAgreementText(pair({ status: "oom" })), undefined);
  assert.equal(
    tokenAgreementText([
      reported(cell({ use: "accelerate", batchSize: 1 })),
      reported(cell({ use: "ds-zero", batchSize: 8 })),
    ]),
    undefined,
  );
  assert.equal(
    tokenAgreementText([
      reported(cell({ use: "ds-zero", batchSize: 1 })),
      reported(cell({ use: "ds-zero", batchSize: 1, axes: { offload: "cpu" } })),
    ]),
    undefined,
  );
});

Deno.test("the place of the first difference is told", () => {
  const tokensSha256 = "b".repeat(64);
  assert.deepEqual(tokenMismatches(pair({ tokensSha256, tokenIds: [11, 99, 13] })), [
    "accelerate/batchSize=1 and ds-zero/batchSize=1 differ from new token 2 on (12 and 99)",
  ]);
  assert.deepEqual(tokenMismatches(pair({ tokensSha256, tokenIds: [11] })), [
    "accelerate/batchSize=1 and ds-zero/batchSize=1 differ from new token 2 on (12 and none)",
  ]);
  assert.deepEqual(tokenMismatches(pair({ tokensSha256 })), [
    "accelerate/batchSize=1 and ds-zero/batchSize=1 differ in a later sequence of the batch",
  ]);
  assert.deepEqual(tokenMismatches(pair({})), []);
});
