import assert from "node:assert/strict";
import fc from "fast-check";
import { namedParameters, parameterCount } from "../../../lib/model/module.ts";
import { findFamily } from "../../../lib/model/registry.ts";
import { placeDsInference } from "../../../lib/strategy/ds_inference/place.ts";
import { elements } from "../../../lib/trace/trace.ts";
import { bloomShape } from "../../model/shapes.ts";
import { CPU, dsInferenceSpec, strategyContext } from "../contexts.ts";

/** The last versions whose BLOOM DeepSpeed injects kernels into. */
const KERNELS = { transformers: "4.43.4" };

type Spec = Parameters<typeof dsInferenceSpec>[0];
type Hardware = Parameters<typeof strategyContext>[0];

function layoutOf(spec: Spec, hardware: Hardware = {}) {
  const { value, diagnostics } = placeDsInference(
    dsInferenceSpec(spec),
    strategyContext(hardware),
  );
  assert.ok(value, JSON.stringify(diagnostics));
  return value;
}

function problems(spec: Spec, hardware: Hardware = {}) {
  const { value, diagnostics } = placeDsInference(
    dsInferenceSpec(spec),
    strategyContext(hardware),
  );
  assert.equal(value, undefined);
  return diagnostics.map(({ code, path }) => [code, path]);
}

Deno.test("the shards of all ranks are the model, but for what each rank keeps whole", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(1, 2, 4, 8),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 8 }),
      (ranks, layers, width) => {
        const shape = bloomShape({
          vocab_size: 1000,
          hidden_size: 8 * width,
          n_layer: layers,
          n_head: 8,
        });
        const hardware = { shape, deviceCount: ranks, stack: KERNELS };
        const { weights } = layoutOf({ kernelInject: true }, hardware);
        const held = weights.reduce((sum, { bytes }) => sum + bytes, 0);
        // Kept whole: embedding, norms, and the biases of row-parallel layers.
        const kept = [...namedParameters(strategyContext(hardware).root)]
          .filter(({ parameter, module, name }) =>
            parameter.tiedTo === undefined &&
            (module.parallel === undefined || module.parallel === "row" && name.endsWith("bias"))
          )
          .reduce((sum, { parameter }) => sum + elements(parameter.shape) * 2, 0);
        const whole = 2 * parameterCount(strategyContext(hardware).root);
        assert.equal(ranks * held - (ranks - 1) * kept, whole);
      },
    ),
    { seed: 3, numRuns: 50 },
  );
});

Deno.test("AutoTP cuts a copy of the tied head by its inputs, kernels use the embedding", () => {
  const split = layoutOf({ kernelInject: false });
  const head = split.weights.find(({ name }) => name === "lm_head.weight");
  assert.equal(split.lmHeadSplit, true);
  // The hidden size of 64 is one grain, which the first rank gets.
  assert.equal(head?.bytes, 1000 * 64 * 2);
  const kernels = layoutOf({ kernelInject: true }, { stack: KERNELS });
  for (const layout of [kernels, layoutOf({}, { deviceCount: 1 })]) {
    assert.equal(layout.lmHeadSplit, false);
    assert.equal(layout.weights.find(({ name }) => name === "lm_head.weight")?.bytes, 0);
  }
});

Deno.test("every device is a rank unless told otherwise", () => {
  assert.equal(layoutOf({}, { deviceCount: 2, nodes: 2 }).ranks, 4);
  assert.equal(layoutOf({ tensorParallel: 2 }, { deviceCount: 4 }).ranks, 2);
});

Deno.test("the heads must divide evenly, and the devices suffice", () => {
  assert.deepEqual(problems({ tensorParallel: 3 }, { deviceCount: 4 }), [
    ["STW303", ["tensorParallel"]],
  ]);
  assert.deepEqual(problems({ tensorParallel: 4 }, { deviceCount: 2 }), [
    ["STW304", ["tensorParallel"]],
  ]);
  assert.deepEqual(problems({ tensorParallel: 8 }, { deviceCount: 2 }).map(([code]) => code), [
    "STW304",
    "STW303",
  ]);
});

Deno.test("heads of keys and values must divide as well, and only degrees that do are offered", () => {
  const family = findFamily("qwen2");
  const { value: shape } = family?.shape({
    model_type: "qwen2",
    hidden_size: 40,
    num_hidden_layers: 1,
    num_attention_heads: 40,
    num_key_value_heads: 8,
    intermediate_size: 8,
    vocab_size: 10,
  }) ?? {};
  assert.ok(family !== undefined && shape !== undefined);
  const context = { ...strategyContext({ deviceCount: 8 }), family, shape };
  const { diagnostics } = placeDsInference(dsInferenceSpec({ tensorParallel: 5 }), context);
  assert.match(diagnostics[0]?.message ?? "", /5 does not divide 8 heads of keys and values/);
  assert.equal(diagnostics[0]?.help, "Use one of: 1, 2, 4, 8");
});

Deno.test("kernels need a GPU", () => {
  assert.deepEqual(problems({ kernelInject: true }, { device: CPU, stack: KERNELS }), [
    ["STW307", ["kernelInject"]],
  ]);
});

Deno.test("kernels for BLOOM need an older transformers", () => {
  assert.deepEqual(problems({ kernelInject: true }), [["STW315", ["kernelInject"]]]);
  assert.deepEqual(layoutOf({ kernelInject: true }, { stack: "2022-07" }).ranks, 2);
});

Deno.test("kernels exist for some model types only", () => {
  const family = findFamily("mistral");
  const shape = family?.shape({
    model_type: "mistral",
    vocab_size: 100,
    hidden_size: 64,
    num_hidden_layers: 2,
    num_attention_heads: 8,
    intermediate_size: 128,
  }).value;
  assert.ok(family && shape);
  const context = { ...strategyContext({ use: "ds-inference" }), family, shape };
  const { diagnostics } = placeDsInference(dsInferenceSpec({ kernelInject: true }), {
    ...context,
    root: family.modules(shape),
  });
  assert.deepEqual(diagnostics.map(({ code, path }) => [code, path]), [["STW320", [
    "kernelInject",
  ]]]);
});
