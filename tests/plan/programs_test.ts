import assert from "node:assert/strict";
import { compileAlone, hasProgram, programOf } from "../../lib/plan/programs.ts";
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

Deno.test("a program of one batch says the same of it, and nothing of another", () => {
  const every = placed();
  const alone = placed();
  compileAlone(alone, WORKLOAD);
  assert.ok(hasProgram(alone, WORKLOAD));
  assert.ok(!hasProgram(alone, { ...WORKLOAD, batchSize: 4 }));
  assert.ok(!hasProgram(alone, { ...WORKLOAD, batchSize: 1 }));
  const peak = (placement: Placement, batchSize: number) =>
    programOf(placement, { ...WORKLOAD, batchSize }).sums()?.run(batchSize, 512).peak(0);
  for (const batchSize of [3, 4, 1]) {
    assert.deepEqual(peak(alone, batchSize), peak(every, batchSize));
  }
});

Deno.test("sums of one batch are not those of another", () => {
  const sums = programOf(placed(), WORKLOAD).sums();
  const bytes = (batch: number, roundTo: number) => sums?.run(batch, roundTo).peak(0).bytes ?? 0;
  assert.ok(bytes(4, 512) > bytes(3, 512));
  assert.ok(bytes(3, 4096) > bytes(3, 512));
});
