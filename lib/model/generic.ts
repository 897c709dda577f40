/** What can be said of a decoder whose family nobody has written down. */
import type { HfConfig } from "../language/pipeline.ts";
import { flag, positiveInteger } from "./config.ts";

/** An estimate from the sizes alone: no activations, no masks, no copies. */
export interface GenericEstimate {
  readonly parameters: number;
  /** Keys and values of one token in two bytes an element. */
  readonly kvBytesPerToken: number;
}

/** Activations of MLPs that have a gate beside them, and so a third matrix. */
const GATED_REGEXP = /silu|swiglu|swish|geglu|gelu_pytorch_tanh/;

/**
 * The matrices of attention, with fewer heads of keys and values where the config says so, those of the MLP or of all
 * its experts, and the embeddings; undefined where the config does not say how large the model is. Configs of models
 * that see or hear keep the sizes of their decoder in `text_config`.
 */
export function genericEstimate(config: HfConfig): GenericEstimate | undefined {
  const inner = config["text_config"];
  const sizes = typeof inner === "object" && inner !== null ? inner as HfConfig : config;
  const { value } = positiveInteger(sizes, {
    hiddenSize: ["hidden_size", "n_embd", "n_embed", "d_model"],
    layers: ["num_hidden_layers", "n_layer", "num_layers"],
    vocabSize: ["vocab_size"],
  });
  if (value === undefined) return undefined;
  const { hiddenSize, layers, vocabSize } = value;
  const read = (...keys: readonly string[]) => size(sizes, keys);
  const heads = read("num_attention_heads", "n_head", "num_heads");
  const headDim = read("head_dim") ?? hiddenSize / (heads ?? 1);
  const kvHeads = read("num_key_value_heads") ?? heads ?? 1;
  const attention = 2 * hiddenSize * headDim * ((heads ?? 1) + kvHeads);

  const wide = read("intermediate_size", "ffn_dim", "n_inner") ?? 4 * hiddenSize;
  const isGated = GATED_REGEXP.test(`${sizes["hidden_act"]} ${sizes["hidden_activation"]}`);
  const matrix = (isGated ? 3 : 2) * hiddenSize;
  const experts = read("num_local_experts", "num_experts", "n_routed_experts");
  const dense = experts === undefined ? layers : read("first_k_dense_replace") ?? 0;
  const expert = matrix * (read("moe_intermediate_size") ?? wide);
  const ofLayers = dense * matrix * wide + (layers - dense) * (experts ?? 0) * expert;
  // PreTrainedConfig ties the head to the embedding unless it is told otherwise.
  const tables = flag(config, "tie_word_embeddings", true) ? 1 : 2;
  const parameters = layers * attention + ofLayers + tables * vocabSize * hiddenSize;
  if (!Number.isSafeInteger(parameters) || parameters < 0) return undefined;
  return { parameters, kvBytesPerToken: 2 * layers * kvHeads * headDim * 2 };
}

/** The first of the keys that holds a size. */
function size(config: HfConfig, keys: readonly string[]): number | undefined {
  for (const key of keys) {
    const { value } = positiveInteger(config, { value: [key] });
    if (value !== undefined) return value.value;
  }
  return undefined;
}
