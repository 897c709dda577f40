import assert from "node:assert/strict";
import { programOf } from "../../lib/plan/programs.ts";
import { placeStrategy } from "../../lib/strategy/registry.ts";
import type { Placement } from "../../lib/strategy/strategy.ts";
import { accelerateSpec, strategyContext } from "../strategy/contexts.ts";

const WORKLOAD = { batchSize: 3, promptTokens: 5, newTokens: 12 };

function placed(...[change]: Parameters<typeof accelerateSpec>): Placement {
  const { value: placement } = placeStrategy(accelerateSpec(change), strategyContext({}));
  assert.ok(placement !== undefined);
  return placement;
}

Deno.test("placements that write the same trace share a program and what was asked of it", () => {
  const one = programOf(placed(), WORKLOAD);
  const other = programOf(placed(), WORKLOAD);
  assert.equal(one, other);
  assert.equal(one.sums()?.run(3, 512), other.sums()?.run(3, 512));
});

Deno.test("a trace of other tensors, sizes or lengths has a program of its own", () => {
  const one = programOf(placed(), WORKLOAD);
  for (const dtype of ["float32", "bfloat16"] as const) {
    assert.notEqual(programOf(placed({ dtype }), WORKLOAD), one, dtype);
  }
  assert.notEqual(programOf(placed(), { ...WORKLOAD, promptTokens: 6 }), one);
  assert.notEqual(programOf(placed(), { ...WORKLOAD, newTokens: 13 }), one);
});

Deno.test("sums of one batch are not those of another", () => {
  const sums = programOf(placed(), WORKLOAD).sums();
  const bytes = (batch: number, roundTo: number) => sums?.run(batch, roundTo).peak(0).bytes ?? 0;
  assert.ok(bytes(4, 512) > bytes(3, 512));
  assert.ok(bytes(3, 4096) > bytes(3, 512));
});
