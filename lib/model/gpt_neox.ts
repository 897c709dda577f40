/** GPT-NeoX and Pythia: shape and modules. */
import type { Outcome } from "../diagnostics/diagnostic.ts";
import type { HfConfig } from "../language/pipeline.ts";
import { activationOf } from "./activation.ts";
import { COMMON_SPELLINGS, evenHeadDim, flag, readSizes, refuse } from "./config.ts";
import type { ModelFamily, ModelShape } from "./family.ts";
import { blockName, forward } from "./gpt_neox_forward.ts";
import { container, embedding, layerNorm, linear, type Module, moduleList } from "./module.ts";
import { rotaryBuffers } from "./rotary.ts";

/** What only GPT-NeoX has. */
export interface NeoxShape extends ModelShape {
  readonly activation: string;
  readonly bias: boolean;
  /** Elements of a head that are turned by the positions. */
  readonly rotaryDim: number;
  /** Whether the MLP takes the layer's input, beside attention, and not attention's output. */
  readonly isParallel: boolean;
  readonly tiesHead: boolean;
}

function shape(config: HfConfig): Outcome<NeoxShape> {
  const needed = { ...COMMON_SPELLINGS, intermediateSize: ["intermediate_size"] };
  const optional = { positions: "max_position_embeddings" };
  const { value: read, diagnostics } = readSizes(config, needed, optional);
  if (read === undefined) return { diagnostics };
  const { positions, ...sizes } = read;
  const { value: headDim, ...refused } = evenHeadDim(sizes);
  if (headDim === undefined) return refused;
  const part = Object.hasOwn(config, "rotary_pct") ? config["rotary_pct"] : 0.25;
  if (typeof part !== "number" || !(part > 0 && part <= 1)) {
    return refuse("rotary_pct must be above 0 and at most 1");
  }
  const named = activationOf(config, "hidden_act", "gelu");
  if ("problem" in named) return refuse(named.problem);
  const value: NeoxShape = {
    ...sizes,
    ...named,
    kvHeads: sizes.heads,
    headDim,
    maxPositions: positions ?? null,
    // Angles are made for pairs.
    rotaryDim: 2 * Math.ceil(Math.floor(headDim * part) / 2),
    bias: flag(config, "attention_bias", true),
    isParallel: flag(config, "use_parallel_residual", true),
    tiesHead: flag(config, "tie_word_embeddings", false),
  };
  return { value, diagnostics };
}

function block(index: number, { hiddenSize, intermediateSize, bias }: NeoxShape): Module {
  return container(String(index), "GPTNeoXLayer", [
    layerNorm("input_layernorm", hiddenSize),
    layerNorm("post_attention_layernorm", hiddenSize),
    container("attention", "GPTNeoXAttention", [
      linear("query_key_value", hiddenSize, 3 * hiddenSize, { parallel: "column", bias }),
      linear("dense", hiddenSize, hiddenSize, { parallel: "row", bias }),
    ]),
    container("mlp", "GPTNeoXMLP", [
      linear("dense_h_to_4h", hiddenSize, intermediateSize, { parallel: "column" }),
      linear("dense_4h_to_h", intermediateSize, hiddenSize, { parallel: "row" }),
    ]),
  ]);
}

function modules(shape: NeoxShape): Module {
  const { hiddenSize, layers, vocabSize } = shape;
  return container("", "GPTNeoXForCausalLM", [
    container("gpt_neox", "GPTNeoXModel", [
      embedding("embed_in", vocabSize, hiddenSize),
      moduleList("layers", layers, (index) => block(index, shape)),
      layerNorm("final_layer_norm", hiddenSize),
      container("rotary_emb", "GPTNeoXRotaryEmbedding", []),
    ]),
    linear("embed_out", hiddenSize, vocabSize, {
      bias: false,
      tiedTo: shape.tiesHead ? "gpt_neox.embed_in.weight" : undefined,
    }),
  ]);
}

/** GPT-NeoX-20B and the Pythia models. */
export const gptNeox: ModelFamily<NeoxShape> = {
  modelTypes: ["gpt_neox"],
  isRotary: true,
  rootBuffers: ({ rotaryDim }, behaviours) => rotaryBuffers(rotaryDim, behaviours),
  noSplitClasses: ["GPTNeoXLayer"],
  blockName,
  shape,
  modules,
  forward,
  tracedSince: "4.57.0",
  layerBuffers: ({ maxPositions }, behaviours) =>
    behaviours.has("gpt-neox-mask-buffers")
      ? [{ name: "attention.bias", bytes: (maxPositions ?? 2048) ** 2 }]
      : [],
  takesPositionIds: true,
};
