import assert from "node:assert/strict";
import { renderMarkdown, renderText } from "../../lib/report/document.ts";
import { isFailure, resultsDocument, resultsFileDocument } from "../../lib/report/results_view.ts";
import type { ReportedCell } from "../../lib/report/results_shape.ts";
import { cell, type MeasuredFigures, publishedGrid, reported, results } from "./builders.ts";

/** The published grid with one cell of each kind of end. */
function mixedCells(): ReportedCell[] {
  const ends: Readonly<Record<string, MeasuredFigures>> = {
    "accelerate/batchSize=64": { status: "skipped" },
    "ds-inference/batchSize=8": { status: "timeout", message: "no progress in 600 s" },
    "ds-inference/batchSize=64": { status: "oom", peakGib: 79 },
    "ds-inference/batchSize=128": {
      status: "crashed",
      message: "Worker ended with exit code 1\nTraceback",
      logPath: "sessions/ds-inference/worker.log",
    },
    "ds-zero/batchSize=1": { tokenIds: [11, 12, 14], tokensSha256: "b".repeat(64) },
    "ds-zero/batchSize=16": { status: "oom", peakGib: 79 },
  };
  return publishedGrid().map((planned) => reported(planned, ends[planned.id]));
}

Deno.test("results read well in a terminal", async (t) => {
  await t.assertSnapshot(renderText(resultsDocument(results(mixedCells()))));
});

Deno.test("the results file reads well in Markdown and says how to read it", async (t) => {
  await t.assertSnapshot(renderMarkdown(resultsFileDocument(results(mixedCells()))));
});

Deno.test("an invalid cell says so, measured and predicted", () => {
  const cells = [
    reported(cell({ use: "ds-zero", batchSize: 1, verdict: "invalid" }), { status: "skipped" }),
    reported(cell({ use: "accelerate", batchSize: 1 })),
  ];
  const text = renderText(resultsDocument(results(cells)));
  assert.match(text, /^ds-zero +invalid\n {2}predicted +invalid$/m);
});

Deno.test("each workload has its tables", () => {
  const cells = [128, 512].map((promptTokens) =>
    reported(cell({ use: "ds-zero", batchSize: 1, axes: { promptTokens } }))
  );
  const text = renderText(resultsDocument(results(cells)));
  assert.match(text, /^ms per token, lower is better \(promptTokens=128\)$/m);
  assert.match(text, /^ms per token, lower is better \(promptTokens=512\)$/m);
});

Deno.test("an OOM is a result, unless the host died of one that was not predicted", () => {
  function failureOf(verdict: "fits" | "oom", status: ReportedCell["status"]): boolean {
    return isFailure(reported(cell({ use: "ds-zero", batchSize: 1, verdict }), { status }));
  }
  assert.equal(failureOf("fits", "ok"), false);
  assert.equal(failureOf("fits", "oom"), false);
  assert.equal(failureOf("oom", "host-oom"), false);
  assert.equal(failureOf("oom", "skipped"), false);
  assert.equal(failureOf("fits", "host-oom"), true);
  assert.equal(failureOf("fits", "crashed"), true);
  assert.equal(failureOf("oom", "timeout"), true);
  assert.equal(failureOf("oom", "interrupted"), true);
});

Deno.test("versions that ran are listed once", () => {
  const cells = publishedGrid().slice(0, 3).map((planned) => reported(planned));
  const text = renderText(resultsFileDocument(results(cells)));
  assert.equal(text.split("torch 2.13.0").length - 1, 1);
  const skipped = publishedGrid().map((planned) => reported(planned, { status: "skipped" }));
  assert.ok(!renderText(resultsFileDocument(results(skipped))).includes("Versions that ran"));
});

Deno.test("a row shows its range where timed cycles spread, and only there", () => {
  const cells = [1, 8, 64].map((batchSize) => reported(cell({ use: "accelerate", batchSize })));
  function timed(seconds: readonly number[], at: number) {
    const each = cells[at];
    const time = each?.measurement?.time;
    assert.ok(each?.measurement && time);
    const [min, max] = [Math.min(...seconds), Math.max(...seconds)];
    const range = { msPerTokenMin: 10 * min, msPerTokenMax: 10 * max };
    const spread = { ...time, ...range, generateSeconds: seconds };
    return { ...each, measurement: { ...each.measurement, time: spread } };
  }
  const lines = (...shown: readonly ReportedCell[]) =>
    renderText(resultsDocument(results(shown))).split("\n")
      .filter((line) => line.includes("min-max"));
  assert.deepEqual(lines(timed([1, 1.01], 0), timed([2, 2], 1)), []);
  const [line = "", ...others] = lines(
    timed([1, 1.01], 0),
    timed([1, 1.2, 2], 1),
    timed([3, 3], 2),
  );
  assert.deepEqual(others, []);
  assert.match(line, /^ {2}min-max +10\.0-20\.0$/);
});

Deno.test("cells that were not run to the end are counted apart, and long lists are cut", () => {
  const cells = Array.from({ length: 70 }, (_, index) =>
    reported(
      cell({ use: "ds-zero", batchSize: index + 1 }),
      index < 60 ? { status: "crashed" } : { status: "interrupted" },
    ));
  const text = renderText(resultsDocument(results(cells)));
  assert.match(text, /failed: 60 cells\n/);
  assert.match(text, /and 10 more\n/);
  assert.match(text, /not run to the end: 10 cells, which resume goes on with\n/);
  assert.match(text, /ds-zero\/batchSize=65\n +and 5 more\n/);
});
