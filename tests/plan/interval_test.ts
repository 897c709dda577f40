import assert from "node:assert/strict";
import fc from "fast-check";
import {
  deviceInterval,
  exceedProbability,
  hostInterval,
  timesFactor,
} from "../../lib/plan/interval.ts";

const PEAK = {
  bytes: 1000,
  phase: "decode",
  byCategory: {
    weights: 500,
    kv: 200,
    activation: 80,
    workspace: 0,
    context: 100,
    communication: 120,
  },
  outsideBytes: 100,
} as const;

function near(actual: number, expected: number, tolerance = 1e-4): void {
  assert.ok(Math.abs(actual - expected) < tolerance, `${actual} is not ${expected}`);
}

Deno.test("a factor widens to both sides", () => {
  assert.deepEqual(timesFactor(10, 2), { low: 5, mid: 10, high: 20 });
});

Deno.test("on a GPU the allocator may hold as much again as short-lived tensors took", () => {
  const churned = 200 + 80 + 120;
  assert.deepEqual(deviceInterval(PEAK, "gpu"), {
    low: 1000 - 10,
    mid: 1000 + churned / 4,
    high: 1000 + churned + 10,
  });
});

Deno.test("on a cpu device the interval is that of the interpreter and the activations", () => {
  assert.deepEqual(deviceInterval(PEAK, "cpu"), { low: 982, mid: 1000, high: 1018 });
});

Deno.test("exactly known weights are no reason for doubt", () => {
  const weights = { ...PEAK.byCategory, kv: 0, activation: 0, communication: 0, context: 0 };
  const { low, mid, high } = deviceInterval({ ...PEAK, byCategory: weights }, "gpu");
  assert.deepEqual([low, mid, high], [1000, 1000, 1000]);
});

Deno.test("the host's interval is wider beside a GPU", () => {
  near(hostInterval(100, "gpu").high, 130);
  near(hostInterval(100, "cpu").high, 115);
});

Deno.test("the bounds of a 90 % interval are exceeded in 5 % and 95 % of cases", () => {
  const interval = { low: 80, mid: 100, high: 130 };
  near(exceedProbability(interval, 130), 0.05);
  near(exceedProbability(interval, 100), 0.5);
  near(exceedProbability(interval, 80), 0.95);
});

Deno.test("a need without doubt exceeds or does not", () => {
  const exact = { low: 100, mid: 100, high: 100 };
  assert.equal(exceedProbability(exact, 99), 1);
  assert.equal(exceedProbability(exact, 100), 0);
});

Deno.test("more capacity is never exceeded more often", () => {
  fc.assert(
    fc.property(
      fc.tuple(fc.nat(1000), fc.nat(1000), fc.nat(1000)),
      fc.nat(4000),
      fc.nat(4000),
      ([low, below, above], one, other) => {
        const interval = { low, mid: low + below, high: low + below + above };
        const [less, more] = [Math.min(one, other), Math.max(one, other)];
        const [first, second] = [less, more].map((each) => exceedProbability(interval, each));
        assert.ok((first ?? 0) >= (second ?? 0));
        assert.ok((first ?? 2) <= 1 && (second ?? -1) >= 0);
      },
    ),
    { seed: 90, numRuns: 300 },
  );
});
