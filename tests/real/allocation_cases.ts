/** Models of a few thousand parameters, each different from the others in a way that shows in memory. */
import type { AllocationCase } from "./traces.ts";

const LLAMA = {
  hidden_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  intermediate_size: 112,
  vocab_size: 1000,
};

/** The configs by what they are there for. */
export const CONFIGS: Readonly<Record<string, AllocationCase["config"]>> = {
  "bloom": { model_type: "bloom", hidden_size: 64, n_layer: 2, n_head: 4, vocab_size: 1000 },
  "bloom with heads that are no power of two": {
    model_type: "bloom",
    hidden_size: 96,
    n_layer: 3,
    n_head: 6,
    vocab_size: 1010,
  },
  "llama with shared keys": { model_type: "llama", ...LLAMA },
  "llama with biases and a tied head": {
    model_type: "llama",
    hidden_size: 96,
    num_hidden_layers: 3,
    num_attention_heads: 6,
    intermediate_size: 128,
    vocab_size: 1100,
    attention_bias: true,
    mlp_bias: true,
    tie_word_embeddings: true,
  },
  "mistral with a window that is never full": { model_type: "mistral", ...LLAMA, head_dim: 24 },
  "mistral without a window": { model_type: "mistral", ...LLAMA, sliding_window: null },
  "qwen2": { model_type: "qwen2", ...LLAMA },
  "gpt2": {
    model_type: "gpt2",
    n_embd: 64,
    n_layer: 2,
    n_head: 4,
    vocab_size: 1000,
    n_positions: 128,
  },
  "opt": {
    model_type: "opt",
    hidden_size: 64,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    ffn_dim: 112,
    vocab_size: 1000,
    word_embed_proj_dim: 64,
    max_position_embeddings: 128,
  },
  "gpt_neox": {
    model_type: "gpt_neox",
    hidden_size: 64,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    intermediate_size: 112,
    vocab_size: 1000,
    max_position_embeddings: 128,
  },
  "gpt_neox without the parallel residual": {
    model_type: "gpt_neox",
    hidden_size: 96,
    num_hidden_layers: 3,
    num_attention_heads: 3,
    intermediate_size: 144,
    vocab_size: 1010,
    max_position_embeddings: 128,
    use_parallel_residual: false,
    rotary_pct: 0.5,
  },
  "qwen3 with heads of its own size": { model_type: "qwen3", ...LLAMA, head_dim: 24 },
  "mistral with a window that is full": { model_type: "mistral", ...LLAMA, sliding_window: 7 },
  ...Object.fromEntries(
    ["gelu_fast", "gelu_python", "quick_gelu", "relu2"].map((hidden_act) => [
      `llama with ${hidden_act}`,
      { model_type: "llama", ...LLAMA, hidden_act },
    ]),
  ),
  "gpt_neox with the function of GPT-NeoX-20B": {
    model_type: "gpt_neox",
    hidden_size: 64,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    intermediate_size: 112,
    vocab_size: 1000,
    max_position_embeddings: 128,
    hidden_act: "gelu_fast",
  },
  "qwen3 with biases": { model_type: "qwen3", ...LLAMA, head_dim: 24, attention_bias: true },
  "gpt2 with a narrow MLP and a head of its own": {
    model_type: "gpt2",
    n_embd: 64,
    n_layer: 2,
    n_head: 4,
    n_inner: 80,
    vocab_size: 1000,
    n_positions: 128,
    activation_function: "relu",
    tie_word_embeddings: false,
  },
  "gpt_neox without biases, with a tied head": {
    model_type: "gpt_neox",
    hidden_size: 64,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    intermediate_size: 112,
    vocab_size: 1000,
    max_position_embeddings: 128,
    attention_bias: false,
    tie_word_embeddings: true,
  },
  "opt without biases, with a head of its own": {
    model_type: "opt",
    hidden_size: 64,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    ffn_dim: 112,
    vocab_size: 1000,
    word_embed_proj_dim: 64,
    max_position_embeddings: 128,
    enable_bias: false,
    tie_word_embeddings: false,
  },
  "opt with gelu_new": {
    model_type: "opt",
    hidden_size: 64,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    ffn_dim: 112,
    vocab_size: 1000,
    word_embed_proj_dim: 64,
    max_position_embeddings: 128,
    activation_function: "gelu_new",
  },
};

/** Attention implementations that each family has. */
function attentionsOf(modelType: string): AllocationCase["attention"][] {
  return modelType === "bloom" || modelType === "gptj" ? ["eager"] : ["eager", "sdpa"];
}

/** Batches of several and of one sequence, which reshape differently. */
const WORKLOADS = [
  { batch: 3, promptTokens: 9, newTokens: 5 },
  { batch: 1, promptTokens: 30, newTokens: 3 },
] as const;

/** Every case with its name. */
export function allocationCases(): { readonly name: string; readonly each: AllocationCase }[] {
  return Object.entries(CONFIGS).flatMap(([config, values]) =>
    attentionsOf(values.model_type).flatMap((attention) =>
      WORKLOADS.map((workload) => ({
        name: `${config}, ${attention}, batch ${workload.batch}`,
        each: {
          config: values,
          attention,
          cache: "dynamic" as const,
          dtype: "float32" as const,
          ...workload,
          leastBytes: 49,
        },
      }))
    )
  );
}
