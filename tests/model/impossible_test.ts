import assert from "node:assert/strict";
import fc from "fast-check";
import { traceGenerate } from "../../lib/model/generate.ts";
import { findFamily, supportedModelTypes } from "../../lib/model/registry.ts";
import { plainExecution } from "../../lib/strategy/execution.ts";
import { Recorder } from "../trace/recorder.ts";
import { testRuntime } from "./shapes.ts";

const KEYS = [
  "hidden_size",
  "n_embd",
  "n_layer",
  "num_hidden_layers",
  "n_head",
  "num_attention_heads",
  "num_key_value_heads",
  "head_dim",
  "intermediate_size",
  "ffn_dim",
  "vocab_size",
  "max_position_embeddings",
  "sliding_window",
  "rotary_pct",
] as const;

const value = fc.oneof(
  fc.integer({ min: -3, max: 48 }),
  fc.constantFrom(null, 0.5, "64", true, NaN, Infinity, 2 ** 31, 2 ** 60, [], {}),
);

Deno.test("a function of the MLP that nobody has written down is refused, not taken for one kernel", () => {
  const sizes = {
    hidden_size: 24,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    intermediate_size: 8,
    vocab_size: 50,
  };
  const shape = (hidden_act: unknown) =>
    findFamily("llama")?.shape({ model_type: "llama", ...sizes, hidden_act });
  for (const odd of ["xielu", "constructor", 5, null]) {
    assert.match(shape(odd)?.diagnostics[0]?.message ?? "", /hidden_act/, String(odd));
  }
  assert.ok(shape("gelu_fast")?.value !== undefined);
});

Deno.test("a Qwen whose layers look back differently far is refused, one that only could is not", () => {
  const config = {
    hidden_size: 24,
    num_hidden_layers: 30,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    intermediate_size: 8,
    vocab_size: 50,
  };
  for (const modelType of ["qwen2", "qwen3"]) {
    const shape = (more: object) =>
      findFamily(modelType)?.shape({ model_type: modelType, ...config, ...more });
    assert.match(
      shape({ use_sliding_window: true })?.diagnostics[0]?.message ?? "",
      /use_sliding_window/,
    );
    for (
      const more of [
        { sliding_window: 4096 },
        { use_sliding_window: true, max_window_layers: 30 },
        { use_sliding_window: true, sliding_window: null },
      ]
    ) assert.ok(shape(more)?.value !== undefined, JSON.stringify(more));
  }
});

Deno.test("a config is refused with a reason, or gives whole bytes that are never negative", () => {
  let traced = 0;
  fc.assert(
    fc.property(
      fc.constantFrom(...supportedModelTypes()),
      fc.dictionary(fc.constantFrom(...KEYS), value, { minKeys: 4 }),
      fc.boolean(),
      (modelType, config, isPossible) => {
        const sizes = { hidden_size: 24, n_embd: 24, n_layer: 2, num_hidden_layers: 2, n_head: 4 };
        const rest = { num_attention_heads: 4, intermediate_size: 8, ffn_dim: 8, vocab_size: 50 };
        const whole = isPossible ? { ...config, ...sizes, ...rest } : config;
        const family = findFamily(modelType);
        const shape = family?.shape({ ...whole, model_type: modelType });
        assert.ok(family !== undefined && shape !== undefined);
        if (shape.value === undefined) {
          assert.ok(shape.diagnostics.length > 0);
          return;
        }
        if (shape.value.layers > 64 || shape.value.vocabSize > 2 ** 20) return;
        traced++;
        const recorder = new Recorder();
        const generation = { batch: 2, promptTokens: 5, newTokens: 3, tensorParallel: 1 };
        traceGenerate(
          family,
          shape.value,
          { ...generation, runtime: testRuntime("bfloat16") },
          plainExecution(0),
          recorder,
        );
        for (const { name, bytes } of recorder.tensors()) {
          assert.ok(Number.isSafeInteger(bytes) && bytes >= 0, `${modelType} ${name}: ${bytes}`);
        }
      },
    ),
    { seed: 11, numRuns: 300 },
  );
  assert.ok(traced > 50, String(traced));
});
