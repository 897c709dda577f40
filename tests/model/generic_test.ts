import assert from "node:assert/strict";
import { genericEstimate } from "../../lib/model/generic.ts";

Deno.test("a decoder of any family has an estimate from its sizes, under any spelling", () => {
  const estimate = genericEstimate({ hidden_size: 100, num_hidden_layers: 3, vocab_size: 1000 });
  assert.deepEqual(estimate, {
    parameters: 12 * 3 * 100 ** 2 + 1000 * 100,
    kvBytesPerToken: 2 * 3 * 100 * 2,
  });
  assert.deepEqual(genericEstimate({ d_model: 100, num_layers: 3, vocab_size: 1000 }), estimate);
  const sizes = { hidden_size: 100, num_hidden_layers: 3, vocab_size: 1000 };
  assert.deepEqual(genericEstimate({ model_type: "vision", text_config: sizes }), estimate);
});

// Parameters as transformers 4.57.3 counts them in models built from these configs on the meta device.
const COUNTED = {
  "Mixtral-8x7B": [46_702_792_704, {
    hidden_act: "silu",
    hidden_size: 4096,
    intermediate_size: 14336,
    num_attention_heads: 32,
    num_hidden_layers: 32,
    num_key_value_heads: 8,
    num_local_experts: 8,
    tie_word_embeddings: false,
    vocab_size: 32000,
  }],
  "Gemma-3-12B, its decoder": [11_766_034_176, {
    head_dim: 256,
    hidden_activation: "gelu_pytorch_tanh",
    hidden_size: 3840,
    intermediate_size: 15360,
    num_attention_heads: 16,
    num_hidden_layers: 48,
    num_key_value_heads: 8,
    vocab_size: 262208,
  }],
  "Qwen3-30B-A3B": [30_532_122_624, {
    head_dim: 128,
    hidden_act: "silu",
    hidden_size: 2048,
    intermediate_size: 6144,
    moe_intermediate_size: 768,
    num_attention_heads: 32,
    num_experts: 128,
    num_hidden_layers: 48,
    num_key_value_heads: 4,
    tie_word_embeddings: false,
    vocab_size: 151936,
  }],
} as const;

for (const [name, [counted, config]] of Object.entries(COUNTED)) {
  Deno.test(`the estimate of ${name} is within 1 % of its parameters`, () => {
    const parameters = genericEstimate(config)?.parameters ?? 0;
    assert.ok(Math.abs(parameters / counted - 1) < 0.01, `${parameters} of ${counted}`);
  });
}

Deno.test("a config without sizes, or with absurd ones, has none", () => {
  assert.equal(genericEstimate({ hidden_size: 100 }), undefined);
  const absurd = { hidden_size: 2 ** 30, num_hidden_layers: 2 ** 30, vocab_size: 10 };
  assert.equal(genericEstimate(absurd), undefined);
});
