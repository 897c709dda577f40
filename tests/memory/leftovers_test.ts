import assert from "node:assert/strict";
import { DeviceReplay } from "../../lib/memory/reserved.ts";
import { firstOfGeneration, leftoversOf, playedAgain } from "../../lib/memory/leftovers.ts";
import { placeStrategy } from "../../lib/strategy/registry.ts";
import type { TracedSpec } from "../../lib/language/pipeline.ts";
import { Program } from "../../lib/trace/program.ts";
import { accelerateSpec, dsInferenceSpec, strategyContext } from "../strategy/contexts.ts";

function deviceProgram(newTokens: number, spec: TracedSpec = accelerateSpec()) {
  const { value: placement } = placeStrategy(
    spec,
    strategyContext({ use: spec.use, deviceCount: 1 }),
  );
  assert.ok(placement !== undefined);
  const program = Program.compile(placement, { promptTokens: 3, newTokens }, 2);
  const replay = program && DeviceReplay.of(program).get(0);
  assert.ok(replay !== undefined);
  return replay.program;
}

Deno.test("the cache of the last step and the tokens are left, whatever the number of steps", () => {
  const many = deviceProgram(40);
  const more = deviceProgram(41);
  const leftovers = leftoversOf(many);
  assert.ok(leftovers !== undefined && leftovers.length > 0);
  assert.ok(leftovers.some(({ isRepeated }) => isRepeated));
  assert.ok(
    leftovers.every(({ pass, isRepeated }) => isRepeated || pass >= firstOfGeneration(many)),
  );
  assert.deepEqual(leftoversOf(more), leftovers);
});

Deno.test("one token leaves what the prompt made", () => {
  const leftovers = leftoversOf(deviceProgram(1));
  assert.ok(leftovers !== undefined && leftovers.length > 0);
  assert.ok(leftovers.every(({ isRepeated }) => !isRepeated));
});

Deno.test("a trace of two generations is not played again", () => {
  const spec = dsInferenceSpec({ decode: "graph", tensorParallel: 1 });
  assert.equal(leftoversOf(deviceProgram(9, spec)), undefined);
});

Deno.test("the workspace of cuBLAS stays for the next generation, which asks for none", () => {
  const program = deviceProgram(40);
  const first = firstOfGeneration(program);
  const pass = program.passes[first];
  assert.ok(pass?.lasts !== undefined);
  const kept = [...pass.lasts.keys()].filter((index) => pass.lasts?.[index] === 1);
  assert.equal(kept.length, 2); // that of cuBLASLt too
  const left = leftoversOf(program) ?? [];
  assert.ok(left.every((one) => one.pass !== first || !kept.includes(one.index)));
  const nothing = program.sizes.constant.length;
  const again = playedAgain(pass, nothing);
  for (const [index, size] of again.sizeOf.entries()) {
    assert.equal(size, kept.includes(index) ? nothing : pass.sizeOf[index]);
  }
  const [loading] = program.passes;
  assert.ok(loading !== undefined);
  assert.equal(playedAgain(loading, nothing), loading);
});
