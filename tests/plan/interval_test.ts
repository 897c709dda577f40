import assert from "node:assert/strict";
import fc from "fast-check";
import {
  cpuInterval,
  exceedProbability,
  filledInterval,
  hostInterval,
  requiredInterval,
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

Deno.test("on a GPU what is reserved beside weights and libraries may be off, and the device is full at most", () => {
  const reserved = 1200;
  const churned = 1200 - 500 - 100;
  const interval = filledInterval(reserved, PEAK, 5000);
  near(interval.low, 1200 - 0.05 * churned - 10);
  near(interval.mid, 1200);
  near(interval.high, 1200 + 0.15 * churned + 10);
  near(filledInterval(reserved, PEAK, 1210).high, 1210);
});

Deno.test("on a cpu device the interval is that of the interpreter and the activations", () => {
  assert.deepEqual(cpuInterval(PEAK), { low: 982, mid: 1000, high: 1018 });
});

Deno.test("exactly known weights are no reason for doubt", () => {
  const byCategory = { ...PEAK.byCategory, weights: 1000, kv: 0, activation: 0, communication: 0 };
  const peak = { ...PEAK, byCategory, outsideBytes: 0 };
  assert.deepEqual(filledInterval(1000, peak, 2000), { low: 1000, mid: 1000, high: 1000 });
  assert.deepEqual(requiredInterval(1000, peak), { low: 1000, mid: 1000, high: 1000 });
});

Deno.test("the host's interval is narrower beside a GPU, where the process computes little", () => {
  near(hostInterval(100, "gpu").high, 106);
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
