/** BLOOM: its shape and its modules. */
import type { Outcome } from "../diagnostics/diagnostic.ts";
import type { HfConfig } from "../language/pipeline.ts";
import { forward2022 } from "./bloom_2022.ts";
import { forward } from "./bloom_forward.ts";
import { blockName } from "./bloom_parts.ts";
import { forwardTuple } from "./bloom_tuple.ts";
import { evenHeadDim, otherThanTraced, readSizes } from "./config.ts";
import type { ModelFamily, ModelShape } from "./family.ts";
import { container, embedding, layerNorm, linear, type Module, moduleList } from "./module.ts";

const SPELLINGS = {
  hiddenSize: ["hidden_size", "n_embed"],
  layers: ["n_layer", "num_hidden_layers"],
  heads: ["n_head", "num_attention_heads"],
  vocabSize: ["vocab_size"],
} as const;

function shape(config: HfConfig): Outcome<ModelShape> {
  const { value: sizes, diagnostics } = readSizes(config, SPELLINGS);
  if (sizes === undefined) return { diagnostics };
  const { value: headDim, ...refused } = evenHeadDim(sizes, SPELLINGS);
  if (headDim === undefined) return refused;
  const other = otherThanTraced(config, {
    apply_residual_connection_post_layernorm: false,
    slow_but_exact: false,
    tie_word_embeddings: true,
  });
  if (other !== undefined) return other;
  const value: ModelShape = {
    ...sizes,
    kvHeads: sizes.heads,
    headDim,
    intermediateSize: 4 * sizes.hiddenSize,
    maxPositions: null, // ALiBi: positions have no table
  };
  return { value, diagnostics };
}

function block(index: number, hidden: number): Module {
  return container(String(index), "BloomBlock", [
    layerNorm("input_layernorm", hidden),
    container("self_attention", "BloomAttention", [
      linear("query_key_value", hidden, 3 * hidden, { parallel: "column" }),
      linear("dense", hidden, hidden, { parallel: "row" }),
    ]),
    layerNorm("post_attention_layernorm", hidden),
    container("mlp", "BloomMLP", [
      linear("dense_h_to_4h", hidden, 4 * hidden, { parallel: "column" }),
      linear("dense_4h_to_h", 4 * hidden, hidden, { parallel: "row" }),
    ]),
  ]);
}

function modules({ hiddenSize: hidden, layers, vocabSize }: ModelShape): Module {
  return container("", "BloomForCausalLM", [
    container("transformer", "BloomModel", [
      embedding("word_embeddings", vocabSize, hidden),
      layerNorm("word_embeddings_layernorm", hidden),
      moduleList("h", layers, (index) => block(index, hidden)),
      layerNorm("ln_f", hidden),
    ]),
    linear("lm_head", hidden, vocabSize, {
      bias: false,
      tiedTo: "transformer.word_embeddings.weight",
    }),
  ]);
}

/** The BLOOM family: bloom-560m to bloom-176b and bloomz. */
export const bloom: ModelFamily = {
  modelTypes: ["bloom"],
  noSplitClasses: ["BloomBlock"],
  blockName,
  shape,
  modules,
  forward(call) {
    const { behaviours } = call.torch.runtime;
    if (behaviours.has("bloom-tokens-first-cache")) return forward2022(call);
    return behaviours.has("bloom-tuple-cache") ? forwardTuple(call) : forward(call);
  },
  graphStep: "plain",
  eagerOnly: true,
  hasBias: () => true,
  takesPositionIds: false,
};
