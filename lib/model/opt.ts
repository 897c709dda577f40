/** OPT: its shape and its modules. */
import type { Diagnostic, Outcome } from "../diagnostics/diagnostic.ts";
import { impossibleConfig } from "../diagnostics/messages/plan.ts";
import type { HfConfig } from "../language/pipeline.ts";
import { flag, optionalPositiveInteger, positiveInteger } from "./config.ts";
import type { ModelFamily, ModelShape } from "./family.ts";
import { container, embedding, layerNorm, linear, type Module } from "./module.ts";
import { blockName, forward } from "./opt_forward.ts";

/** Positions are learned, behind two that mean padding. */
const POSITION_OFFSET = 2;

/** What only OPT has. */
export interface OptShape extends ModelShape {
  readonly bias: boolean;
  readonly tiesHead: boolean;
  readonly positions: number;
}

function shape(config: HfConfig): Outcome<OptShape> {
  const read = positiveInteger(config, {
    hiddenSize: ["hidden_size"],
    layers: ["num_hidden_layers"],
    heads: ["num_attention_heads"],
    intermediateSize: ["ffn_dim"],
    vocabSize: ["vocab_size"],
  });
  const diagnostics: Diagnostic[] = [...read.diagnostics];
  const projected = optionalPositiveInteger(config, "word_embed_proj_dim", diagnostics);
  const positions = optionalPositiveInteger(config, "max_position_embeddings", diagnostics) ?? 2048;
  if (read.value === undefined || diagnostics.length > 0) return { diagnostics };
  const { hiddenSize, heads } = read.value;
  const refuse = (reason: string) => ({
    diagnostics: [impossibleConfig({ reason }, { path: ["model", "config"] })],
  });
  if (hiddenSize % heads !== 0) {
    return refuse(`hidden_size ${hiddenSize} is not divisible by num_attention_heads ${heads}`);
  }
  if (projected !== undefined && projected !== hiddenSize) {
    return refuse(`word_embed_proj_dim ${projected} other than hidden_size is not traced`);
  }
  if (!flag(config, "do_layer_norm_before", true)) {
    return refuse("do_layer_norm_before: false is not traced");
  }
  const value: OptShape = {
    ...read.value,
    kvHeads: heads,
    headDim: hiddenSize / heads,
    maxPositions: positions,
    positions,
    bias: flag(config, "enable_bias", true),
    tiesHead: flag(config, "tie_word_embeddings", true),
  };
  return { value, diagnostics: [] };
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
        container(
          "layers",
          "ModuleList",
          Array.from({ length: layers }, (_, index) => block(index, shape)),
        ),
      ]),
    ]),
    linear("lm_head", hiddenSize, vocabSize, {
      bias: false,
      ...shape.tiesHead ? { tiedTo: "model.decoder.embed_tokens.weight" } : {},
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
