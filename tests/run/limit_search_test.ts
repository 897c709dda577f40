import assert from "node:assert/strict";
import fc from "fast-check";
import { type LimitHints, LimitSearch } from "../../lib/run/limit_search.ts";

/** Searches on a device where a batch needs so many bytes. */
function search(
  needBytes: (batchSize: number) => number,
  hints: Partial<LimitHints> = {},
): LimitSearch {
  const capacityBytes = hints.capacityBytes ?? 1000;
  const found = new LimitSearch({
    predictedBatch: 10,
    bytesPerSequence: 10,
    mostProbes: 6,
    mostBatch: 2 ** 20,
    ...hints,
    capacityBytes,
  });
  for (let batch = found.next(); batch !== null; batch = found.next()) {
    const peakBytes = needBytes(batch);
    const fits = peakBytes <= capacityBytes;
    found.note({ batchSize: batch, fits, peakBytes: fits ? peakBytes : null });
  }
  return found;
}

Deno.test("a prediction that is right to the sequence takes two probes", () => {
  const found = search((batch) => 100 + 10 * batch, { predictedBatch: 90 });
  assert.deepEqual(found.probes.map(({ batchSize }) => batchSize), [90, 91]);
  assert.deepEqual([found.good, found.bad, found.isExact], [90, 91, true]);
});

Deno.test("not even one sequence fits: the limit is none", () => {
  const found = search(() => 2000, { predictedBatch: 3 });
  assert.deepEqual([found.good, found.bad, found.isExact], [0, 1, true]);
});

Deno.test("what is not limited ends at the largest batch that is tried", () => {
  const found = search(() => 1, { predictedBatch: null, mostBatch: 4, bytesPerSequence: null });
  assert.deepEqual([found.good, found.isExact], [4, true]);
});

Deno.test("where the prediction is within 5 %, six probes find the limit as trying every batch would", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 2000 }),
      fc.double({ min: 0.95, max: 1.05, noNaN: true }),
      fc.double({ min: 0.9, max: 1.1, noNaN: true }),
      (limit, error, slopeError) => {
        const perSequence = 1e6;
        const capacityBytes = 5e8 + perSequence * (limit + 0.5);
        const found = search((batch) => 5e8 + perSequence * batch, {
          capacityBytes,
          predictedBatch: Math.round(limit * error),
          bytesPerSequence: perSequence * slopeError,
        });
        assert.ok(found.probes.length <= 6);
        assert.deepEqual([found.good, found.isExact], [limit, true]);
      },
    ),
    { seed: 3, numRuns: 2000 },
  );
});

Deno.test("however wrong the prediction, what is said was tried, and the gap only shrinks", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 5000 }),
      fc.integer({ min: 1, max: 5000 }),
      fc.double({ min: 0.1, max: 10, noNaN: true }),
      (limit, predictedBatch, slopeError) => {
        const capacityBytes = 5e8 + 1e6 * (limit + 0.5);
        const found = search((batch) => 5e8 + 1e6 * batch, {
          capacityBytes,
          predictedBatch,
          bytesPerSequence: 1e6 * slopeError,
        });
        assert.ok(found.probes.length <= 6);
        assert.ok(found.good <= limit && (found.bad ?? Infinity) > limit);
        const batches = found.probes.map(({ batchSize }) => batchSize);
        assert.equal(new Set(batches).size, batches.length);
      },
    ),
    { seed: 4, numRuns: 2000 },
  );
});
