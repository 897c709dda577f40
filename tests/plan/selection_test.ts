import assert from "node:assert/strict";
import { predictsOom, reasonOf, selectCells } from "../../lib/plan/selection.ts";
import { cell, plan } from "../report/builders.ts";

const FITS = cell({ use: "ds-zero", batchSize: 1 });
const TIGHT = cell({ use: "ds-zero", batchSize: 8, verdict: "tight" });
const OOM = cell({ use: "ds-zero", batchSize: 64, verdict: "oom" });
const INVALID = cell({ use: "ds-zero", batchSize: 99, verdict: "invalid" });

Deno.test("more likely than not counts as predicted, an invalid cell never does", () => {
  const at = (oomProbability: number) =>
    predictsOom({ prediction: { ...TIGHT.prediction, oomProbability } });
  assert.equal(at(0.5), false);
  assert.equal(at(0.51), true);
  assert.equal(
    predictsOom({ prediction: { ...INVALID.prediction, oomProbability: 1 } }),
    false,
  );
});

Deno.test("each policy launches its cells, and says why of every cell", () => {
  function launched(policy: "skip" | "run" | "only"): string[] {
    const { cells, launched } = selectCells(plan([FITS, TIGHT, OOM, INVALID]), policy);
    for (const each of cells) assert.equal(each.reason, reasonOf(each, policy));
    return [...launched];
  }
  assert.deepEqual(launched("skip"), [FITS.id, TIGHT.id]);
  assert.deepEqual(launched("run"), [FITS.id, TIGHT.id, OOM.id]);
  assert.deepEqual(launched("only"), [OOM.id]);
});

Deno.test("the reason of a cell says whether and why it is launched", () => {
  assert.equal(reasonOf(FITS, "skip"), "new: launched");
  assert.equal(reasonOf(FITS, "only"), "predicted to fit: skipped (predictedOom: only)");
  assert.equal(reasonOf(OOM, "skip"), "predicted to run out of memory: skipped");
  assert.equal(reasonOf(OOM, "run"), "predicted to run out of memory: launched to prove it");
  assert.equal(reasonOf(INVALID, "run"), "invalid: not launched");
});

Deno.test("a cell that no session serves is not launched", () => {
  const alone = { ...FITS, sessionId: null };
  assert.deepEqual([...selectCells(plan([alone, TIGHT]), "run").launched], [TIGHT.id]);
});
