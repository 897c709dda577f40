/** Llama, and the families that share its module tree: Mistral, Qwen2 and Qwen3. */
import type { Outcome } from "../diagnostics/diagnostic.ts";
import type { HfConfig } from "../language/pipeline.ts";
import { activationOf } from "./activation.ts";
import { COMMON_SPELLINGS, evenHeadDim, flag, readSizes, refuse } from "./config.ts";
import type { ModelFamily, ModelShape } from "./family.ts";
import { blockName, forward } from "./llama_forward.ts";
import { container, embedding, linear, type Module, moduleList, rmsNorm } from "./module.ts";
import { rotaryBuffers } from "./rotary.ts";

/** What the four differ in. */
export interface LlamaShape extends ModelShape {
  readonly activation: string;
  readonly modelType: string;
  readonly qkvBias: boolean;
  readonly outputBias: boolean;
  readonly mlpBias: boolean;
  /** Qwen3 normalizes queries and keys over the head size. */
  readonly normalizesHeads: boolean;
  readonly tiesHead: boolean;
}

const CLASSES: Readonly<Record<string, string>> = {
  llama: "Llama",
  mistral: "Mistral",
  qwen2: "Qwen2",
  qwen3: "Qwen3",
};

function shape(config: HfConfig): Outcome<LlamaShape> {
  const modelType = String(config["model_type"]);
  const needed = { ...COMMON_SPELLINGS, intermediateSize: ["intermediate_size"] };
  const optional = {
    givenKvHeads: "num_key_value_heads",
    givenHeadDim: "head_dim",
    positions: "max_position_embeddings",
  };
  const { value: read, diagnostics } = readSizes(config, needed, optional);
  if (read === undefined) return { diagnostics };
  const { givenKvHeads, givenHeadDim, positions, ...sizes } = read;
  const { heads } = sizes;
  // Qwen3's config class assumes a size where the file is silent.
  const ownDim = givenHeadDim ?? (modelType === "qwen3" ? 128 : undefined);
  const { value: headDim, ...refused } = ownDim === undefined
    ? evenHeadDim(sizes)
    : { value: ownDim, diagnostics };
  if (headDim === undefined) return refused;
  const kvHeads = givenKvHeads ?? defaultKvHeads(modelType, heads);
  if (heads % kvHeads !== 0) {
    return refuse(
      `num_attention_heads ${heads} is not divisible by num_key_value_heads ${kvHeads}`,
    );
  }
  if (looksBackLess(config, modelType, sizes.layers)) {
    return refuse("use_sliding_window: true is not traced");
  }
  const named = activationOf(config, "hidden_act", "silu");
  if ("problem" in named) return refuse(named.problem);
  const attentionBias = flag(config, "attention_bias", false);
  const value: LlamaShape = {
    ...sizes,
    ...named,
    modelType,
    kvHeads,
    headDim,
    // Rotary positions have no table; the config tells how far the model was trained.
    maxPositions: positions ?? null,
    window: slidingWindow(config, modelType),
    qkvBias: modelType === "qwen2" || modelType !== "mistral" && attentionBias,
    outputBias: (modelType === "llama" || modelType === "qwen3") && attentionBias,
    mlpBias: modelType === "llama" && flag(config, "mlp_bias", false),
    normalizesHeads: modelType === "qwen3",
    tiesHead: flag(config, "tie_word_embeddings", false),
  };
  return { value, diagnostics };
}

/** Mistral's layers look back 4096 tokens unless told otherwise; null switches the window off. */
function slidingWindow(config: HfConfig, modelType: string): number | undefined {
  if (modelType !== "mistral") return undefined;
  const window = Object.hasOwn(config, "sliding_window") ? config["sliding_window"] : 4096;
  return typeof window === "number" && window > 0 ? window : undefined;
}

/** Whether some layers of a Qwen look back less far than others. */
function looksBackLess(config: HfConfig, modelType: string, layers: number): boolean {
  if (!modelType.startsWith("qwen") || !flag(config, "use_sliding_window", false)) return false;
  if (Object.hasOwn(config, "sliding_window") && config["sliding_window"] === null) return false;
  const full = config["max_window_layers"];
  return (typeof full === "number" ? full : 28) < layers;
}

/** What the config class of each family assumes where the file is silent. */
function defaultKvHeads(modelType: string, heads: number): number {
  if (modelType === "llama") return heads;
  return modelType === "mistral" ? 8 : 32;
}

function block(index: number, shape: LlamaShape, name: string): Module {
  const { hiddenSize, heads, kvHeads, headDim, intermediateSize } = shape;
  const column = { parallel: "column", bias: shape.qkvBias } as const;
  const [local, narrow] = [heads * headDim, kvHeads * headDim];
  const mlp = { bias: shape.mlpBias };
  const norm = `${name}RMSNorm`;
  return container(String(index), `${name}DecoderLayer`, [
    container("self_attn", `${name}Attention`, [
      linear("q_proj", hiddenSize, local, column),
      linear("k_proj", hiddenSize, narrow, column),
      linear("v_proj", hiddenSize, narrow, column),
      linear("o_proj", local, hiddenSize, { parallel: "row", bias: shape.outputBias }),
      ...shape.normalizesHeads
        ? [rmsNorm("q_norm", headDim, norm), rmsNorm("k_norm", headDim, norm)]
        : [],
    ]),
    container("mlp", `${name}MLP`, [
      linear("gate_proj", hiddenSize, intermediateSize, { parallel: "column", ...mlp }),
      linear("up_proj", hiddenSize, intermediateSize, { parallel: "column", ...mlp }),
      linear("down_proj", intermediateSize, hiddenSize, { parallel: "row", ...mlp }),
    ]),
    rmsNorm("input_layernorm", hiddenSize, norm),
    rmsNorm("post_attention_layernorm", hiddenSize, norm),
  ]);
}

function modules(shape: LlamaShape): Module {
  const name = CLASSES[shape.modelType] ?? "Llama";
  const { hiddenSize, layers, vocabSize } = shape;
  return container("", `${name}ForCausalLM`, [
    container("model", `${name}Model`, [
      embedding("embed_tokens", vocabSize, hiddenSize),
      moduleList("layers", layers, (index) => block(index, shape, name)),
      rmsNorm("norm", hiddenSize, `${name}RMSNorm`),
      {
        ...container("rotary_emb", `${name}RotaryEmbedding`, []),
        buffers: [{ name: "inv_freq", shape: [Math.floor(shape.headDim / 2)] }],
      },
    ]),
    linear("lm_head", hiddenSize, vocabSize, {
      bias: false,
      tiedTo: shape.tiesHead ? "model.embed_tokens.weight" : undefined,
    }),
  ]);
}

/** Llama 1 to 3, Mistral, Qwen2 and Qwen3, with grouped-query attention. */
export const llama: ModelFamily<LlamaShape> = {
  modelTypes: Object.keys(CLASSES),
  noSplitClasses: Object.values(CLASSES).map((name) => `${name}DecoderLayer`),
  blockName,
  shape,
  modules,
  forward,
  tracedSince: "4.57.0",
  graphStep: "gated",
  isRotary: true,
  rootBuffers: ({ headDim }, behaviours) => rotaryBuffers(headDim, behaviours),
  hasBias: ({ qkvBias, outputBias, mlpBias }) => qkvBias || outputBias || mlpBias,
  takesPositionIds: true,
};
