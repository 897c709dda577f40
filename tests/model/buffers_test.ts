import assert from "node:assert/strict";
import { findFamily } from "../../lib/model/registry.ts";
import { traceGenerate } from "../../lib/model/generate.ts";
import { plainExecution } from "../../lib/strategy/execution.ts";
import { Recorder } from "../trace/recorder.ts";
import { testRuntime } from "./shapes.ts";

/** Bytes of buffers that a model keeps on its device, under a version of transformers. */
function bufferBytes(modelType: string, transformers: string): number {
  const family = findFamily(modelType);
  const shape = family?.shape({
    model_type: modelType,
    vocab_size: 100,
    n_embd: 64,
    hidden_size: 64,
    n_layer: 3,
    num_hidden_layers: 3,
    n_head: 4,
    num_attention_heads: 4,
    intermediate_size: 128,
    n_positions: 32,
    max_position_embeddings: 16,
  }).value;
  assert.ok(family && shape);
  const recorder = new Recorder();
  const runtime = testRuntime("float16", { transformers });
  const generation = { batch: 1, promptTokens: 2, newTokens: 2, tensorParallel: 1, runtime };
  traceGenerate(family, shape, generation, plainExecution(0), recorder);
  return recorder.tensors().filter(({ category }) => category === "weights")
    .reduce((sum, { bytes }) => sum + bytes, 0);
}

Deno.test("GPT-2 keeps a mask of all positions in each layer up to transformers 4", () => {
  assert.equal(bufferBytes("gpt2", "4.57.3"), 3 * (32 * 32 + 4));
  assert.equal(bufferBytes("gpt2", "5.17.0"), 0);
});

/** Frequencies of two pairs of dimensions: a quarter of 16 turns. */
const NEOX_FREQUENCIES = 2 * 4;

Deno.test("GPT-NeoX did so up to 4.48", () => {
  assert.equal(bufferBytes("gpt_neox", "4.48.3"), 3 * 16 * 16 + NEOX_FREQUENCIES);
  assert.equal(bufferBytes("gpt_neox", "4.57.3"), NEOX_FREQUENCIES);
});

Deno.test("rotary positions keep their frequencies, from transformers 5 on twice", () => {
  assert.equal(bufferBytes("llama", "4.57.3"), 8 * 4);
  assert.equal(bufferBytes("llama", "5.17.0"), 2 * 8 * 4);
  assert.equal(bufferBytes("gpt_neox", "5.17.0"), 2 * NEOX_FREQUENCIES);
});
