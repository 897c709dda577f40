/** Llama, and the families that share its module tree: Mistral, Qwen2 and Qwen3. */
import type { Diagnostic, Outcome } from "../diagnostics/diagnostic.ts";
import { impossibleConfig } from "../diagnostics/messages/plan.ts";
import type { HfConfig } from "../language/pipeline.ts";
import { flag, optionalPositiveInteger, positiveInteger } from "./config.ts";
import type { ModelFamily, ModelShape } from "./family.ts";
import { blockName, forward } from "./llama_forward.ts";
import { container, embedding, linear, type Module, rmsNorm } from "./module.ts";
import { rotaryBuffers } from "./rotary.ts";

/** What the four differ in. */
export interface LlamaShape extends ModelShape {
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
  const read = positiveInteger(config, {
    hiddenSize: ["hidden_size"],
    layers: ["num_hidden_layers"],
    heads: ["num_attention_heads"],
    intermediateSize: ["intermediate_size"],
    vocabSize: ["vocab_size"],
  });
  const diagnostics: Diagnostic[] = [...read.diagnostics];
  const kvHeads = optionalPositiveInteger(config, "num_key_value_heads", diagnostics);
  const headDim = optionalPositiveInteger(config, "head_dim", diagnostics);
  const positions = optionalPositiveInteger(config, "max_position_embeddings", diagnostics);
  if (read.value === undefined || diagnostics.length > 0) return { diagnostics };
  const { hiddenSize, heads } = read.value;
  const refuse = (reason: string) => ({
    diagnostics: [impossibleConfig({ reason }, { path: ["model", "config"] })],
  });
  if (headDim === undefined && hiddenSize % heads !== 0) {
    return refuse(`hidden_size ${hiddenSize} is not divisible by num_attention_heads ${heads}`);
  }
  const keyHeads = kvHeads ?? defaultKvHeads(modelType, heads);
  if (heads % keyHeads !== 0) {
    return refuse(
      `num_attention_heads ${heads} is not divisible by num_key_value_heads ${keyHeads}`,
    );
  }
  const attentionBias = flag(config, "attention_bias", false);
  const value: LlamaShape = {
    ...read.value,
    modelType,
    kvHeads: keyHeads,
    headDim: headDim ?? (modelType === "qwen3" ? 128 : hiddenSize / heads),
    // Rotary positions have no table; the config tells how far the model was trained.
    maxPositions: positions ?? null,
    window: slidingWindow(config, modelType),
    qkvBias: modelType === "qwen2" || modelType !== "mistral" && attentionBias,
    outputBias: (modelType === "llama" || modelType === "qwen3") && attentionBias,
    mlpBias: modelType === "llama" && flag(config, "mlp_bias", false),
    normalizesHeads: modelType === "qwen3",
    tiesHead: flag(config, "tie_word_embeddings", false),
  };
  return { value, diagnostics: [] };
}

/** Mistral's layers look back 4096 tokens unless told otherwise; null switches the window off. */
function slidingWindow(config: HfConfig, modelType: string): number | undefined {
  if (modelType !== "mistral") return undefined;
  const window = Object.hasOwn(config, "sliding_window") ? config["sliding_window"] : 4096;
  return typeof window === "number" && window > 0 ? window : undefined;
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
      container(
        "layers",
        "ModuleList",
        Array.from({ length: layers }, (_, index) => block(index, shape, name)),
      ),
      rmsNorm("norm", hiddenSize, `${name}RMSNorm`),
      {
        ...container("rotary_emb", `${name}RotaryEmbedding`, []),
        buffers: [{ name: "inv_freq", shape: [Math.floor(shape.headDim / 2)] }],
      },
    ]),
    linear("lm_head", hiddenSize, vocabSize, {
      bias: false,
      ...shape.tiesHead ? { tiedTo: "model.embed_tokens.weight" } : {},
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
