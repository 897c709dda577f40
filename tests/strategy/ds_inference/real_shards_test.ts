/** What each rank keeps of every parameter, against DeepSpeed's own AutoTP on two ranks. */
import assert from "node:assert/strict";
import { findFamily } from "../../../lib/model/registry.ts";
import { placeDsInference } from "../../../lib/strategy/ds_inference/place.ts";
import { dsInferenceSpec, strategyContext } from "../contexts.ts";
import fixture from "../fixtures/tensor_parallel_shards.json" with { type: "json" };

const { versions, ranks } = fixture;
const SHAPES: Readonly<Record<string, Readonly<Record<string, unknown>>>> = fixture.shapes;

for (const [name, measured] of Object.entries(fixture.elements)) {
  Deno.test(`DeepSpeed ${versions.deepspeed} leaves a rank of ${name} what the plan says`, () => {
    const config = SHAPES[name] ?? {};
    const family = findFamily(String(config["model_type"]));
    const shape = family?.shape(config).value;
    assert.ok(family && shape);
    const context = {
      ...strategyContext({ deviceCount: ranks, use: "ds-inference" }),
      family,
      shape,
      root: family.modules(shape),
    };
    const { value } = placeDsInference(dsInferenceSpec({ dtype: "float32" }), context);
    const planned = Object.fromEntries(
      (value?.weights ?? []).map(({ name, bytes }) => [name, bytes / 4]),
    );
    assert.deepEqual(planned, measured);
  });
}
