/** GPT-2: its shape and its modules. */
import type { Outcome } from "../diagnostics/diagnostic.ts";
import type { HfConfig } from "../language/pipeline.ts";
import { activationOf } from "./activation.ts";
import { evenHeadDim, flag, otherThanTraced, readSizes, refuse } from "./config.ts";
import type { ModelFamily, ModelShape } from "./family.ts";
import { blockName, forward } from "./gpt2_forward.ts";
import {
  container,
  embedding,
  layerNorm,
  linear,
  type Module,
  moduleList,
  type Parallel,
} from "./module.ts";

/** What only GPT-2 has. */
export interface Gpt2Shape extends ModelShape {
  readonly activation: string;
  readonly positions: number;
  readonly tiesHead: boolean;
}

const SPELLINGS = {
  hiddenSize: ["n_embd", "hidden_size"],
  layers: ["n_layer", "num_hidden_layers"],
  heads: ["n_head", "num_attention_heads"],
  vocabSize: ["vocab_size"],
} as const;

function shape(config: HfConfig): Outcome<Gpt2Shape> {
  const optional = { inner: "n_inner", positions: "n_positions" };
  const { value: read, diagnostics } = readSizes(config, SPELLINGS, optional);
  if (read === undefined) return { diagnostics };
  const { inner, positions = 1024, ...sizes } = read;
  const { value: headDim, ...refused } = evenHeadDim(sizes, SPELLINGS);
  if (headDim === undefined) return refused;
  const other = otherThanTraced(config, {
    add_cross_attention: false,
    reorder_and_upcast_attn: false,
    scale_attn_by_inverse_layer_idx: false,
    scale_attn_weights: true,
  });
  if (other !== undefined) return other;
  const named = activationOf(config, "activation_function", "gelu_new");
  if ("problem" in named) return refuse(named.problem);
  const value: Gpt2Shape = {
    ...sizes,
    ...named,
    kvHeads: sizes.heads,
    headDim,
    intermediateSize: inner ?? 4 * sizes.hiddenSize,
    maxPositions: positions,
    positions,
    tiesHead: flag(config, "tie_word_embeddings", true),
  };
  return { value, diagnostics };
}

/** A linear layer whose weight is stored [inputs, outputs]. */
function conv1d(name: string, inputs: number, outputs: number, parallel: Parallel): Module {
  const { parameters, ...rest } = linear(name, inputs, outputs, { parallel });
  const transposed = parameters.map((each) => ({ ...each, shape: each.shape.toReversed() }));
  return { ...rest, className: "Conv1D", parameters: transposed };
}

function block(index: number, { hiddenSize, intermediateSize }: Gpt2Shape): Module {
  return container(String(index), "GPT2Block", [
    layerNorm("ln_1", hiddenSize),
    container("attn", "GPT2Attention", [
      conv1d("c_attn", hiddenSize, 3 * hiddenSize, "column"),
      conv1d("c_proj", hiddenSize, hiddenSize, "row"),
    ]),
    layerNorm("ln_2", hiddenSize),
    container("mlp", "GPT2MLP", [
      conv1d("c_fc", hiddenSize, intermediateSize, "column"),
      conv1d("c_proj", intermediateSize, hiddenSize, "row"),
    ]),
  ]);
}

function modules(shape: Gpt2Shape): Module {
  const { hiddenSize, layers, vocabSize, positions } = shape;
  return container("", "GPT2LMHeadModel", [
    container("transformer", "GPT2Model", [
      embedding("wte", vocabSize, hiddenSize),
      embedding("wpe", positions, hiddenSize),
      moduleList("h", layers, (index) => block(index, shape)),
      layerNorm("ln_f", hiddenSize),
    ]),
    linear("lm_head", hiddenSize, vocabSize, {
      bias: false,
      tiedTo: shape.tiesHead ? "transformer.wte.weight" : undefined,
    }),
  ]);
}

/** GPT-2 and what was trained with its architecture. */
export const gpt2: ModelFamily<Gpt2Shape> = {
  modelTypes: ["gpt2"],
  noSplitClasses: ["GPT2Block"],
  blockName,
  shape,
  modules,
  forward,
  tracedSince: "4.57.0",
  layerBuffers: ({ positions }, behaviours) =>
    behaviours.has("gpt2-mask-buffers")
      ? [{ name: "attn.bias", bytes: positions ** 2 }, { name: "attn.masked_bias", bytes: 4 }]
      : [],
  takesPositionIds: true,
};
