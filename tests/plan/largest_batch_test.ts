import assert from "node:assert/strict";
import fc from "fast-check";
import { largestBatch, largestFitting, searchLargest } from "../../lib/plan/largest_batch.ts";
import { predictMemory } from "../../lib/plan/predict_memory.ts";
import { judge } from "../../lib/plan/verdict.ts";
import { placeStrategy } from "../../lib/strategy/registry.ts";
import { dsZeroSpec, strategyContext } from "../strategy/contexts.ts";

Deno.test("one sequence more than the largest batch does not fit, all smaller ones do", () => {
  const alone = strategyContext({ use: "ds-zero", deviceCount: 1 });
  const { value: placement } = placeStrategy(dsZeroSpec(), alone);
  assert.ok(placement);
  const workload = { batchSize: 1, promptTokens: 16, newTokens: 16 };
  for (const megabytes of [1400, 1420, 1440, 1460, 1480, 1500]) {
    const context = { ...alone, deviceCapacityBytes: megabytes * 1e6 };
    const largest = largestBatch(placement, workload, context);
    assert.ok(largest !== null && largest > 1 && largest < 2 ** 20, String(largest));
    const probability = (batchSize: number) =>
      judge(predictMemory(placement, { ...workload, batchSize }, context)).oomProbability;
    assert.ok(probability(largest) <= 0.5);
    assert.ok(probability(largest + 1) > 0.5);
    assert.ok(probability(Math.floor(largest / 3)) <= 0.5);
  }
});

Deno.test("there is no largest batch where one sequence does not fit, and an end where none limits", () => {
  const spec = dsZeroSpec();
  const context = strategyContext({ use: "ds-zero" });
  const { value: placement } = placeStrategy(spec, context);
  assert.ok(placement);
  const workload = { batchSize: 1, promptTokens: 16, newTokens: 16 };
  const small = { ...context, deviceCapacityBytes: 1e6 };
  assert.equal(largestBatch(placement, workload, small), null);
  const endless = { ...context, deviceCapacityBytes: null, hostCapacityBytes: null };
  assert.equal(largestBatch(placement, workload, endless), 2 ** 20);
});

Deno.test("the largest number whose excess is not positive is found, whatever the shape", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1e6 }),
      fc.integer({ min: 1, max: 1e6 }),
      fc.double({ min: 0.3, max: 3, noNaN: true }),
      fc.integer({ min: 1, max: 100 }),
      (answer, first, power, stairs) => {
        const height = (value: number) => Math.ceil(value / stairs) ** power;
        const capacity = height(answer);
        const largest = Math.ceil(answer / stairs) * stairs;
        const excess = (value: number) => height(value) / capacity - 1;
        assert.equal(searchLargest(excess, 2 ** 21, first), largest);
        const likely = excess(1) - 0.1;
        assert.equal(searchLargest(excess, 2 ** 21, first, likely), largest);
      },
    ),
    { seed: 6, numRuns: 300 },
  );
});

Deno.test("what the tensors allow bounds what the allocator does, down to nothing", () => {
  for (const wasted of [0, 0.01, 0.2, 0.9, 2]) {
    const tensors = (value: number) => 0.3 + 0.001 * value - 1;
    const asked: number[] = [];
    const whole = (value: number) => {
      asked.push(value);
      return tensors(value) + wasted;
    };
    const expected = searchLargest(whole, 2 ** 20);
    asked.length = 0;
    assert.equal(largestFitting(tensors, whole, 2 ** 20, 8), expected, String(wasted));
    assert.equal(asked.includes(1), expected === null || expected === 1, String(wasted));
  }
});

Deno.test("a line takes few probes", () => {
  let probes = 0;
  const found = searchLargest(
    (value) => {
      probes += 1;
      return 0.6 + 0.00131 * value - 1;
    },
    2 ** 20,
    8,
  );
  assert.equal(found, 305);
  assert.ok(probes <= 5, String(probes));
});
