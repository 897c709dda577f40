import assert from "node:assert/strict";
import { heldOut } from "../../lib/accuracy/held_out.ts";
import { timesFactor } from "../../lib/plan/interval.ts";

/** A value that is so many times its prediction, whose interval goes from half to twice of it. */
function value(source: string, times: number) {
  return { source, interval: timesFactor(10, 2), measured: 10 * times };
}

Deno.test("each run is held against what the others ask for", () => {
  // The others of a are all within 1.41, so an interval as wide as a square root of its own holds them; b is the same.
  const root = Math.SQRT2;
  const values = [value("a", 1.2), value("a", 1.9), value("b", 1 / root), value("b", 1.1)];
  const found = heldOut(values, true);
  assert.ok(found !== undefined);
  assert.equal(found.coverage, 3 / 4, "1.9 is beyond the 1.41 of the other run");
  const narrow = root - 1 / root;
  const wide = 1.9 - 1 / 1.9;
  assert.ok(Math.abs(found.medianWidth - (narrow + wide) / 2) < 1e-9);
});

Deno.test("bytes are stretched by sums, and both sides of an interval count", () => {
  const interval = { low: 90, mid: 100, high: 140 };
  const values = [
    { source: "a", interval, measured: 120 },
    { source: "b", interval, measured: 95 },
  ];
  assert.deepEqual(heldOut(values, false), { coverage: 1, medianWidth: 0.25 });
});

Deno.test("a single run has nothing to be held against", () => {
  assert.equal(heldOut([value("a", 1.1), value("a", 1.2)], true), undefined);
});
