/** OPT: its shape and its modules. */
import type { Outcome } from "../diagnostics/diagnostic.ts";
import type { HfConfig } from "../language/pipeline.ts";
import { activationOf } from "./activation.ts";
import {
  COMMON_SPELLINGS,
  evenHeadDim,
  flag,
  otherThanTraced,
  readSizes,
  refuse,
} from "./config.ts";
import type { ModelFamily, ModelShape } from "./family.ts";
import { container, embedding, layerNorm, linear, type Module, moduleList } from "./module.ts";
import { blockName, forward } from "./opt_forward.ts";

/** Positions are learned, behind two that mean padding. */
const POSITION_OFFSET = 2;

/** What only OPT has. */
export interface OptShape extends ModelShape {
  readonly activation: string;
  readonly bias: boolean;
  readonly tiesHead: boolean;
  readonly positions: number;
}

function shape(config: HfConfig): Outcome<OptShape> {
  const needed = { ...COMMON_SPELLINGS, intermediateSize: ["ffn_dim"] };
  const optional = { projected: "word_embed_proj_dim", positions: "max_position_embeddings" };
  const { value: read, diagnostics } = readSizes(config, needed, optional);
  if (read === undefined) return { diagnostics };
  const { projected, positions = 2048, ...sizes } = read;
  const { value: headDim, ...refused } = evenHeadDim(sizes);
  if (headDim === undefined) return refused;
  if (projected !== undefined && projected !== sizes.hiddenSize) {
    return refuse(`word_embed_proj_dim ${projected} other than hidden_size is not traced`);
  }
  const other = otherThanTraced(config, {
    do_layer_norm_before: true,
    layer_norm_elementwise_affine: true,
    _remove_final_layer_norm: false,
  });
  if (other !== undefined) return other;
  const named = activationOf(config, "activation_function", "relu");
  if ("problem" in named) return refuse(named.problem);
  const value: OptShape = {
    ...sizes,
    ...named,
    kvHeads: sizes.heads,
    headDim,
    maxPositions: positions,
    positions,
    bias: flag(config, "enable_bias", true),
    tiesHead: flag(config, "tie_word_embeddings", true),
  };
  return { value, diagnostics };
}

function block(index: number, { hiddenSize, intermediateSize, bias }: OptShape): Module {
  const column = { parallel: "column", bias } as const;
  const row = { parallel: "row", bias } as const;
  return container(String(index), "OPTDecoderLayer", [
    container("self_attn", "OPTAttention", [
      linear("k_proj", hiddenSize, hiddenSize, column),
      linear("v_proj", hiddenSize, hiddenSize, column),
      linear("q_proj", hiddenSize, hiddenSize, column),
      linear("out_proj", hiddenSize, hiddenSize, row),
    ]),
    layerNorm("self_attn_layer_norm", hiddenSize),
    linear("fc1", hiddenSize, intermediateSize, column),
    linear("fc2", intermediateSize, hiddenSize, row),
    layerNorm("final_layer_norm", hiddenSize),
  ]);
}

function modules(shape: OptShape): Module {
  const { hiddenSize, layers, vocabSize, positions } = shape;
  return container("", "OPTForCausalLM", [
    container("model", "OPTModel", [
      container("decoder", "OPTDecoder", [
        embedding("embed_tokens", vocabSize, hiddenSize),
        embedding("embed_positions", positions + POSITION_OFFSET, hiddenSize),
        layerNorm("final_layer_norm", hiddenSize),
        moduleList("layers", layers, (index) => block(index, shape)),
      ]),
    ]),
    linear("lm_head", hiddenSize, vocabSize, {
      bias: false,
      tiedTo: shape.tiesHead ? "model.decoder.embed_tokens.weight" : undefined,
    }),
  ]);
}

/** OPT, but for opt-350m, which projects its embeddings. */
export const opt: ModelFamily<OptShape> = {
  modelTypes: ["opt"],
  noSplitClasses: ["OPTDecoderLayer"],
  blockName,
  shape,
  modules,
  forward,
  tracedSince: "4.57.0",
  takesPositionIds: true,
};
