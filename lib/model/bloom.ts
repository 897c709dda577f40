/**
 * BLOOM, as `transformers/models/bloom/modeling_bloom.py` (4.57.3) runs it with eager attention and a dynamic
 * cache. The comments name the lines of that file's logic where memory depends on Python's references rather
 * than on the mathematics.
 */
import type { Outcome } from "../diagnostics/diagnostic.ts";
import { impossibleConfig } from "../diagnostics/messages/plan.ts";
import type { HfConfig } from "../language/pipeline.ts";
import { Tape } from "../trace/tape.ts";
import type { TraceSink } from "../trace/trace.ts";
import { positiveInteger } from "./config.ts";
import type { Execution, ForwardPass, Logits, ModelFamily, ModelShape } from "./family.ts";
import { container, embedding, layerNorm, linear, type Module } from "./module.ts";

function shape(config: HfConfig): Outcome<ModelShape> {
  const read = positiveInteger(config, {
    hiddenSize: ["hidden_size", "n_embed"],
    layers: ["n_layer", "num_hidden_layers"],
    heads: ["n_head", "num_attention_heads"],
    vocabSize: ["vocab_size"],
  });
  if (read.value === undefined) return { diagnostics: read.diagnostics };
  const { hiddenSize, layers, heads, vocabSize } = read.value;
  if (hiddenSize % heads !== 0) {
    const reason = `hidden_size ${hiddenSize} is not divisible by n_head ${heads}`;
    return { diagnostics: [impossibleConfig({ reason }, { path: ["model", "config"] })] };
  }
  return {
    value: {
      hiddenSize,
      layers,
      heads,
      kvHeads: heads,
      headDim: hiddenSize / heads,
      intermediateSize: 4 * hiddenSize,
      vocabSize,
      maxPositions: null, // ALiBi: positions have no table
    },
    diagnostics: [],
  };
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

function blockName(layer: number): string {
  return `transformer.h.${layer}`;
}

function modules({ hiddenSize: hidden, layers, vocabSize }: ModelShape): Module {
  return container("", "BloomForCausalLM", [
    container("transformer", "BloomModel", [
      embedding("word_embeddings", vocabSize, hidden),
      layerNorm("word_embeddings_layernorm", hidden),
      container("h", "ModuleList", Array.from({ length: layers }, (_, i) => block(i, hidden))),
      layerNorm("ln_f", hidden),
    ]),
    linear("lm_head", hidden, vocabSize, {
      bias: false,
      tiedTo: "transformer.word_embeddings.weight",
    }),
  ]);
}

/** x * 0.5 * (1 + tanh(0.79788456 * x * (1 + 0.044715 * x * x))): every factor is a tensor of its own. */
function gelu(tape: Tape, x: number, bytes: number): number {
  const half = tape.elementwise("gelu.half", bytes, bytes);
  const scaled = tape.elementwise("gelu.scaled", bytes, bytes);
  const cubic = tape.elementwise("gelu.cubic", bytes, bytes);
  const square = tape.elementwise("gelu.square", bytes, 2 * bytes);
  tape.free(cubic);
  const plusOne = tape.elementwise("gelu.plus_one", bytes, bytes);
  tape.free(square);
  const inner = tape.elementwise("gelu.inner", bytes, 2 * bytes);
  tape.free(scaled, plusOne);
  const tanh = tape.elementwise("gelu.tanh", bytes, bytes);
  tape.free(inner);
  const onePlus = tape.elementwise("gelu.one_plus", bytes, bytes);
  tape.free(tanh);
  const output = tape.elementwise("gelu", bytes, 2 * bytes);
  tape.free(half, onePlus, x);
  return output;
}

/** Sizes of one pass, in elements unless named bytes. */
function sizes(shape: ModelShape, pass: ForwardPass) {
  const { batch, query, past, elementBytes, tensorParallel } = pass;
  const heads = shape.heads / tensorParallel;
  const keyLength = past + query;
  return {
    rows: batch * query,
    heads,
    keyLength,
    hiddenBytes: batch * query * shape.hiddenSize * elementBytes,
    localBytes: batch * query * heads * shape.headDim * elementBytes,
    scoresBytes: batch * heads * query * keyLength * elementBytes,
    scoresFloatBytes: batch * heads * query * keyLength * 4,
    cacheBytes: batch * heads * keyLength * shape.headDim * elementBytes,
    pastBytes: batch * heads * past * shape.headDim * elementBytes,
  };
}

/** BloomAttention.forward; returns [output, attention_probs], which both outlive the call. */
function attention(
  tape: Tape,
  layer: number,
  residualBytes: number,
  shape: ModelShape,
  pass: ForwardPass,
  execution: Execution,
): [number, number] {
  const size = sizes(shape, pass);
  const { batch, query, elementBytes } = pass;
  const name = `${blockName(layer)}.self_attention`;
  const local = size.heads * shape.headDim;
  const rows = size.rows;

  execution.enter(`${name}.query_key_value`, size.hiddenBytes);
  const qkv = tape.matmul(
    "query_key_value",
    { rows, inputs: shape.hiddenSize, outputs: 3 * local },
    elementBytes,
  );
  execution.leave(`${name}.query_key_value`);

  // DynamicCache.update: torch.cat([old, new]), the old tensor freed when the new one has replaced it.
  const old = pass.cache[layer];
  const key = tape.tensor(`h.${layer}.key`, size.cacheBytes, "kv");
  tape.kernel("cat_key", 2 * size.cacheBytes);
  if (old) tape.free(old.key);
  const value = tape.tensor(`h.${layer}.value`, size.cacheBytes, "kv");
  tape.kernel("cat_value", 2 * size.cacheBytes);
  if (old) tape.free(old.value);
  pass.cache[layer] = { key, value };

  // With one query token the reshape of the strided query is a view; with more it copies.
  const copiesQuery = query > 1 && batch > 1;
  const queryLayer = copiesQuery
    ? tape.elementwise("query", size.localBytes, size.localBytes)
    : undefined;
  const scores = tape.tensor("attention_scores", size.scoresBytes);
  const attentionFlops = 2 * batch * size.heads * query * size.keyLength * shape.headDim;
  tape.kernel("baddbmm", size.localBytes + size.cacheBytes + size.scoresBytes, attentionFlops);
  const weights = tape.elementwise("attn_weights", size.scoresBytes, size.scoresBytes);
  // softmax(dtype=float32), then a cast back, which is a copy only when the dtype differs.
  let probs = tape.elementwise("softmax", size.scoresFloatBytes, size.scoresBytes);
  if (elementBytes !== 4) {
    const cast = tape.elementwise("attention_probs", size.scoresBytes, size.scoresFloatBytes);
    tape.free(probs);
    probs = cast;
  }
  let context = tape.tensor("context", size.localBytes);
  tape.kernel("bmm", size.scoresBytes + size.cacheBytes + size.localBytes, attentionFlops);
  if (query > 1) {
    const merged = tape.elementwise("merge_heads", size.localBytes, size.localBytes);
    tape.free(context);
    context = merged;
  }
  execution.enter(`${name}.dense`, size.localBytes);
  const dense = tape.matmul(
    "dense",
    { rows, inputs: local, outputs: shape.hiddenSize },
    elementBytes,
  );
  execution.allReduce(tape.device, size.hiddenBytes);
  execution.leave(`${name}.dense`);
  const output = tape.elementwise("attention_output", size.hiddenBytes, 2 * residualBytes);
  tape.free(dense, qkv, scores, weights, context);
  if (queryLayer !== undefined) tape.free(queryLayer);
  return [output, probs];
}

/** BloomMLP.forward with its residual. */
function mlp(
  tape: Tape,
  layer: number,
  shape: ModelShape,
  pass: ForwardPass,
  execution: Execution,
): number {
  const { rows, hiddenBytes } = sizes(shape, pass);
  const { elementBytes, tensorParallel } = pass;
  const name = `${blockName(layer)}.mlp`;
  const local = shape.intermediateSize / tensorParallel;
  const localBytes = rows * local * elementBytes;
  execution.enter(`${name}.dense_h_to_4h`, hiddenBytes);
  const up = tape.matmul(
    "dense_h_to_4h",
    { rows, inputs: shape.hiddenSize, outputs: local },
    elementBytes,
  );
  execution.leave(`${name}.dense_h_to_4h`);
  const activated = gelu(tape, up, localBytes);
  execution.enter(`${name}.dense_4h_to_h`, localBytes);
  const down = tape.matmul(
    "dense_4h_to_h",
    { rows, inputs: local, outputs: shape.hiddenSize },
    elementBytes,
  );
  execution.allReduce(tape.device, hiddenBytes);
  execution.leave(`${name}.dense_4h_to_h`);
  const output = tape.elementwise("mlp_output", hiddenBytes, 2 * hiddenBytes);
  tape.free(activated, down);
  return output;
}

function norm(tape: Tape, name: string, bytes: number, execution: Execution): number {
  execution.enter(name, bytes);
  const output = tape.elementwise(name.slice(name.lastIndexOf(".") + 1), bytes, bytes);
  execution.leave(name);
  return output;
}

function forward(
  shape: ModelShape,
  pass: ForwardPass,
  execution: Execution,
  sink: TraceSink,
): Logits {
  const { hiddenBytes, keyLength, rows } = sizes(shape, pass);
  const { batch, query, elementBytes } = pass;
  const root = "transformer";
  const tape = new Tape(sink, execution.deviceOf(`${root}.word_embeddings`));

  execution.enter(`${root}.word_embeddings`, rows * 8);
  const inputsEmbeds = tape.elementwise("inputs_embeds", hiddenBytes, hiddenBytes);
  execution.leave(`${root}.word_embeddings`);
  tape.device = execution.deviceOf(`${root}.word_embeddings_layernorm`);
  let hidden = norm(tape, `${root}.word_embeddings_layernorm`, hiddenBytes, execution);

  // build_alibi_tensor: float32 for all heads, then a cast; int64 positions before it.
  const alibiElements = batch * shape.heads * keyLength;
  const alibiFloat = tape.elementwise("alibi_float", alibiElements * 4, batch * keyLength * 8);
  let alibi = alibiFloat;
  if (elementBytes !== 4) {
    alibi = tape.elementwise("alibi", alibiElements * elementBytes, alibiElements * 4);
    tape.free(alibiFloat);
  }
  const maskBytes = batch * query * keyLength * elementBytes;
  const causalMask = tape.elementwise("causal_mask", maskBytes, maskBytes);

  // The loop keeps the previous block's outputs, attention_probs included, until the next ones replace them.
  let previousProbs: number | undefined;
  for (let layer = 0; layer < shape.layers; layer++) {
    const name = blockName(layer);
    tape.device = execution.deviceOf(name);
    execution.enter(name, hiddenBytes);
    const normed = norm(tape, `${name}.input_layernorm`, hiddenBytes, execution);
    const [attended, probs] = attention(tape, layer, hiddenBytes, shape, pass, execution);
    const normedAgain = norm(tape, `${name}.post_attention_layernorm`, hiddenBytes, execution);
    tape.free(normed);
    const output = mlp(tape, layer, shape, pass, execution);
    tape.free(normedAgain, attended, hidden);
    if (previousProbs !== undefined) tape.free(previousProbs);
    previousProbs = probs;
    hidden = output;
    execution.leave(name);
  }
  tape.device = execution.deviceOf(`${root}.ln_f`);
  const final = norm(tape, `${root}.ln_f`, hiddenBytes, execution);
  tape.free(hidden, inputsEmbeds, alibi, causalMask);
  if (previousProbs !== undefined) tape.free(previousProbs);

  tape.device = execution.deviceOf("lm_head");
  execution.enter("lm_head", hiddenBytes);
  const inputs = execution.lmHeadSplit ? shape.hiddenSize / pass.tensorParallel : shape.hiddenSize;
  const logits = tape.matmul("logits", { rows, inputs, outputs: shape.vocabSize }, elementBytes);
  const bytes = rows * shape.vocabSize * elementBytes;
  if (execution.lmHeadSplit) execution.allReduce(tape.device, bytes);
  execution.leave("lm_head");
  tape.free(final);
  return { device: tape.device, handle: logits, bytes };
}

/** The BLOOM family: bloom-560m to bloom-176b and bloomz. */
export const bloom: ModelFamily = {
  modelTypes: ["bloom"],
  noSplitClasses: ["BloomBlock"],
  blockName,
  shape,
  modules,
  forward,
};
