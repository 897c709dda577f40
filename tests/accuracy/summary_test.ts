import assert from "node:assert/strict";
import type { Comparison, VerdictComparison } from "../../lib/accuracy/compare.ts";
import { summarize } from "../../lib/accuracy/summary.ts";

function comparison(measured: number, predicted: number, changes: Partial<Comparison> = {}) {
  return {
    source: "run",
    cellId: `cell-${measured}`,
    quantity: "msPerStep",
    measured,
    predicted,
    error: predicted / measured - 1,
    interval: { low: predicted * 0.9, mid: predicted, high: predicted * 1.1 },
    group: "plain",
    ...changes,
  } satisfies Comparison;
}

function verdict(predictedOom: boolean, measuredOom: boolean): VerdictComparison {
  return { source: "run", cellId: "c", predictedOom, measuredOom, tight: false };
}

Deno.test("errors are summarized by quantity, launch-bound times apart", () => {
  const { quantities } = summarize([
    comparison(100, 100),
    comparison(100, 80),
    comparison(100, 110),
    comparison(100, 300, { group: "launch-bound" }),
    comparison(10, 11, { quantity: "peakBytes" }),
  ], []);
  assert.deepEqual(
    quantities.map(({ quantity, group, count }) => [quantity, group, count]),
    [
      ["peakBytes", "plain", 1],
      ["msPerStep", "plain", 3],
      ["msPerStep", "launch-bound", 1],
    ],
  );
  const steps = quantities[1];
  assert.ok(Math.abs((steps?.meanAbsoluteError ?? 0) - 0.1) < 1e-12);
  assert.ok(Math.abs((steps?.medianAbsoluteError ?? 0) - 0.1) < 1e-12);
  assert.ok(Math.abs((steps?.worstError ?? 0) + 0.2) < 1e-12);
  assert.equal(steps?.coverage, 2 / 3);
  assert.equal(steps?.exceeded, 1 / 3);
  assert.ok(Math.abs((steps?.medianWidth ?? 0) - 0.2) < 1e-12);
});

Deno.test("a quantity without intervals has no coverage", () => {
  const { interval: _, ...exact } = comparison(5, 5);
  const [summary] = summarize([exact], []).quantities;
  assert.equal(summary?.coverage, undefined);
  assert.equal(summary?.medianWidth, undefined);
});

Deno.test("a predicted out-of-memory is the positive of recall and precision", () => {
  const { confusion } = summarize([], [
    verdict(true, true),
    verdict(true, true),
    verdict(true, false),
    verdict(false, true),
    verdict(false, false),
  ]);
  assert.equal(confusion.recall, 2 / 3);
  assert.equal(confusion.precision, 2 / 3);
  assert.equal(confusion.wrong.length, 2);
  const none = summarize([], [verdict(false, false)]).confusion;
  assert.equal(none.recall, null);
  assert.equal(none.precision, null);
});
