import assert from "node:assert/strict";
import { fitKnobs } from "../../lib/accuracy/fit.ts";

Deno.test("constants that the measurements depend on are found, others stay", () => {
  const truth = new Map([["a", 3], ["b", 0.02]]);
  const measured = (values: ReadonlyMap<string, number>) =>
    [1, 10, 100].map((x) => (values.get("a") ?? 0) * x + (values.get("b") ?? 0) * x * x);
  const wanted = measured(truth);
  const knobs = [{ name: "a", value: 1 }, { name: "b", value: 0.05 }, { name: "c", value: 7 }];
  const moved = fitKnobs(
    knobs,
    (values) =>
      measured(values).map((value, index) => Math.abs(Math.log(value / (wanted[index] ?? 1)))),
  );
  assert.ok(Math.abs((moved.get("a") ?? 0) - 3) < 0.1, String(moved.get("a")));
  assert.ok(Math.abs((moved.get("b") ?? 0) - 0.02) < 0.002, String(moved.get("b")));
  assert.ok(!moved.has("c"));
});

Deno.test("an efficiency does not exceed one, and a constant of zero is left alone", () => {
  const knobs = [{ name: "part", value: 0.5, most: 1 }, { name: "none", value: 0 }];
  const moved = fitKnobs(knobs, (values) => [Math.abs(Math.log((values.get("part") ?? 0) / 9))]);
  assert.ok((moved.get("part") ?? 0) <= 1 + 1e-9);
  assert.ok(!moved.has("none"));
});
