import assert from "node:assert/strict";
import { compareCell, type ComparedSet, compareVerdict } from "../../lib/accuracy/compare.ts";
import type { MeasuredCell } from "../../lib/accuracy/measured.ts";
import type { Prediction, TimePrediction } from "../../lib/plan/prediction.ts";
import { cell } from "../report/builders.ts";

const PLANNED = cell({ use: "accelerate", batchSize: 8, verdict: "fits", peakGib: 40 });

function measured(changes: Partial<MeasuredCell> = {}): MeasuredCell {
  const { id, strategy, batchSize, axes } = PLANNED;
  const spec = { id, strategyIndex: 0, strategy, batchSize, promptTokens: 8, newTokens: 10, axes };
  const values = {
    peakBytes: [1],
    loadSeconds: [1],
    prefillMs: [1],
    msPerStep: [1],
    msPerToken: [1],
  };
  return { cell: spec, status: "ok", values, ...changes };
}

function predicted(changes: Partial<TimePrediction> = {}): Prediction {
  const { prediction } = PLANNED;
  assert.ok(prediction.time !== null);
  return { ...prediction, time: { ...prediction.time, ...changes } };
}

/** Group of each quantity. */
function groups(set: Partial<ComparedSet>, prediction = predicted(), one = measured()) {
  const found = compareCell({ source: "run", ...set }, one, prediction);
  return Object.fromEntries(found.map(({ quantity, group }) => [quantity, group]));
}

Deno.test("what waits for launches stands for itself, the first pass apart from the steps", () => {
  const steps = groups({}, predicted({ bound: "launches" }));
  assert.deepEqual([steps["prefillMs"], steps["msPerStep"]], ["plain", "launch-bound"]);
  const first = groups({}, predicted({ prefillBound: "launches" }));
  assert.deepEqual([first["prefillMs"], first["msPerStep"]], ["launch-bound", "plain"]);
});

Deno.test("ms per token goes with the part that takes longer", () => {
  const ms = (value: number) => ({ low: value, mid: value, high: value });
  const times = { prefillBound: "launches", prefillMs: ms(100) } as const;
  assert.equal(groups({}, predicted({ ...times, msPerStep: ms(5) }))["msPerToken"], "launch-bound");
  assert.equal(groups({}, predicted({ ...times, msPerStep: ms(50) }))["msPerToken"], "plain");
});

Deno.test("times on CPUs stand for themselves, memory does not", () => {
  const found = groups({ onCpu: true });
  assert.deepEqual([found["msPerStep"], found["peakBytes"]], ["cpu", "plain"]);
});

Deno.test("what older workers did otherwise stands for itself: loads, and captured steps", () => {
  const eager = groups({ loadedOtherwise: true });
  assert.deepEqual([eager["peakBytes"], eager["msPerStep"]], ["older workers", "plain"]);
  const { cell: spec } = measured();
  const strategy = { ...PLANNED.strategy, decode: "graph" } as typeof spec.strategy;
  const graph = groups(
    { loadedOtherwise: true },
    predicted(),
    measured({ cell: { ...spec, strategy } }),
  );
  assert.deepEqual([graph["msPerStep"], graph["prefillMs"]], ["older workers", "plain"]);
});

Deno.test("a verdict takes the remark of its cell along", () => {
  const remark = "It ran out while loading.";
  const verdict = compareVerdict("run", measured({ status: "oom", remark }), predicted());
  assert.deepEqual(verdict, {
    source: "run",
    cellId: PLANNED.id,
    predictedOom: false,
    measuredOom: true,
    tight: false,
    remark,
  });
});
