import assert from "node:assert/strict";
import type { DsInferenceSpec } from "../../../lib/language/pipeline.ts";
import { PeakMemory } from "../../../lib/memory/peak.ts";
import { dsInference } from "../../../lib/strategy/ds_inference/mod.ts";
import type { Operation } from "../../../lib/trace/trace.ts";
import { Recorder } from "../../trace/recorder.ts";
import { dsInferenceSpec, strategyContext } from "../contexts.ts";
import { findFamily } from "../../../lib/model/registry.ts";

const WORKLOAD = { batchSize: 2, promptTokens: 4, newTokens: 3 };
const CURRENT = { transformers: "4.43.4" };
const PUBLISHED = "2022-09";

type Context = ReturnType<typeof strategyContext>;

function placed(context: Context, changes: Partial<DsInferenceSpec> = {}) {
  const { value, diagnostics } = dsInference.place(
    dsInferenceSpec({ kernelInject: true, ...changes }),
    context,
  );
  assert.ok(value, JSON.stringify(diagnostics));
  return value;
}

function context(stack: string | Record<string, string>, deviceCount = 1): Context {
  return strategyContext({ use: "ds-inference", stack, deviceCount });
}

/** Operations of the last decode step. */
function lastStep(context: Context, changes: Partial<DsInferenceSpec> = {}): Operation[] {
  const recorder = new Recorder();
  placed(context, changes).trace(WORKLOAD, recorder);
  const starts = recorder.events.flatMap((event, index) => event.kind === "phase" ? [index] : []);
  return recorder.events.slice(starts.at(-1)).flatMap((event) =>
    event.kind === "run" ? [event.operation] : []
  );
}

function count(operations: readonly Operation[], pattern: RegExp): number {
  return operations.filter(({ name }) => pattern.test(name)).length;
}

Deno.test("a layer of BLOOM launches four products, and attention from Python between them", () => {
  const operations = lastStep(context(CURRENT));
  assert.equal(count(operations, /gemm|vector_matmul/), 4 * 4);
  assert.equal(count(operations, /^split_|^cat_/), 5 * 4);
  assert.equal(count(operations, /^gelu/), 0, "the activation is one kernel");
});

Deno.test("int8 matrices are made float16 before each product, in memory that is free again", () => {
  const plain = lastStep(context(PUBLISHED));
  const quantized = lastStep(context(PUBLISHED), { dtype: "int8" });
  assert.equal(count(quantized, /dequantize/), 4 * 4);
  assert.equal(quantized.length, plain.length + 4 * 4);
  const largest = quantized.find(({ name }) => name === "mlp_gemm.dequantize");
  assert.equal(largest?.bytes, 64 * 256 * (1 + 2));
});

Deno.test("the ranks sum each layer twice", () => {
  assert.equal(count(lastStep(context(CURRENT, 4)), /all_reduce/), 2 * 4);
});

Deno.test("before 0.7.4 projections are tensors of PyTorch, from then on parts of the workspace", () => {
  function projections(deepspeed: string): number {
    const recorder = new Recorder();
    placed(context({ transformers: "4.21.3", deepspeed })).trace(WORKLOAD, recorder);
    return recorder.tensors().filter(({ name }) => name === "attention_output").length;
  }
  assert.deepEqual([projections("0.7.3"), projections("0.8.0")], [3 * 4, 0]);
});

/** A model of a family: the sizes under every spelling. */
function contextOf(modelType: string): Context {
  const family = findFamily(modelType);
  const shape = family?.shape({
    model_type: modelType,
    vocab_size: 100,
    hidden_size: 64,
    n_embd: 64,
    num_hidden_layers: 2,
    n_layer: 2,
    num_attention_heads: 4,
    n_head: 4,
    intermediate_size: 128,
    ffn_dim: 128,
  }).value;
  assert.ok(family && shape);
  const common = context({ transformers: "4.57.3" });
  return { ...common, family, shape, root: family.modules(shape) };
}

for (const modelType of ["gpt2", "gpt_neox", "llama", "opt"]) {
  Deno.test(`${modelType}: keys and values are in the workspace, and every tensor is freed`, () => {
    const memory = new PeakMemory(1);
    const placement = placed(contextOf(modelType));
    placement.trace(WORKLOAD, memory);
    assert.equal(memory.peakOf(0, "kv"), 0);
    const recorder = new Recorder();
    placement.trace(WORKLOAD, recorder);
    const live = [...recorder.live.values()].filter(({ category }) => category === "activation");
    assert.deepEqual(live, []);
  });
}
