/** The attention functions that transformers shares between families, for heads that may share keys and values. */
import { type ForwardPass, keyLength, type ModelShape } from "./family.ts";
import type { Torch } from "./torch.ts";

/** What one call of attention looks at. */
export interface AttentionSizes {
  readonly batch: number;
  readonly query: number;
  readonly keys: number;
  /** Heads of one rank. */
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
}

/** Query rows of a tile of PyTorch's fused kernels on CUDA (kQueriesPerBlock, kBlockM), computed whole even for one. */
const QUERY_TILE = 64;

/** The sizes of a pass on one rank. */
export function attentionSizes(shape: ModelShape, pass: ForwardPass): AttentionSizes {
  return {
    batch: pass.batch,
    query: pass.query,
    keys: keyLength(pass, shape.window),
    heads: shape.heads / pass.tensorParallel,
    kvHeads: shape.kvHeads / pass.tensorParallel,
    headDim: shape.headDim,
  };
}

/** The result, and the probabilities where the function returns them. */
export interface Attended {
  readonly output: number;
  readonly weights: number | undefined;
}

/** How a family calls its attention function; `sdpa` does the rest in one kernel. */
export interface AttentionOptions {
  readonly hasMask: boolean;
  /** Whether the scores are multiplied by a factor of their own. */
  readonly scales: boolean;
  /** Whether the query is laid out by heads, as after a concatenation, and not by tokens. */
  readonly byHeads?: boolean;
  /** Whether the query is a part of each row of a projection, so that even one token has to be merged. */
  readonly inProjection?: boolean;
  /** Whether the scores are masked by a mask of the module as well. */
  readonly masksTwice?: boolean;
  /** Whether the softmax is not in float32. */
  readonly softmaxInDtype?: boolean;
}

/** The function that the model was told to use (`ALL_ATTENTION_FUNCTIONS`). */
export function attend(torch: Torch, sizes: AttentionSizes, options: AttentionOptions): Attended {
  const run = torch.runtime.attention === "eager" ? eagerAttention : sdpaAttention;
  return run(torch, sizes, options);
}

/** Merging batch and heads of [batch, heads, tokens, size] that is laid out by tokens copies unless one of them is 1. */
function copiesToMerge({ batch, heads }: AttentionSizes, tokens: number): boolean {
  return batch > 1 && heads > 1 && tokens > 1;
}

/** `eager_attention_forward` with `repeat_kv`. */
function eagerAttention(
  torch: Torch,
  sizes: AttentionSizes,
  options: AttentionOptions,
): Attended {
  const { hasMask, scales, byHeads, inProjection, masksTwice, softmaxInDtype } = options;
  const { batch, query, keys, heads, kvHeads, headDim } = sizes;
  const { elementBytes } = torch.runtime;
  const scores = batch * heads * query * keys;
  const scoresBytes = scores * elementBytes;
  const queryBytes = batch * query * heads * headDim * elementBytes;
  const wideBytes = batch * heads * keys * headDim * elementBytes;
  const flops = 2 * scores * headDim;
  const repeated = heads === kvHeads
    ? []
    : ["repeat_key", "repeat_value"].map((name) =>
      torch.indexed(name, wideBytes, wideBytes * kvHeads / heads)
    );
  const merged = !byHeads && copiesToMerge(sizes, inProjection ? Infinity : query)
    ? torch.indexed("query", queryBytes)
    : undefined;
  let weights = torch.bmm("attention_scores", scoresBytes, queryBytes + wideBytes, flops);
  if (merged !== undefined) torch.free(merged);
  if (scales) weights = torch.rebind(weights, "scores.scaled", scoresBytes);
  if (masksTwice) weights = torch.rebindIndexed(weights, "scores.causal", scoresBytes);
  if (hasMask) weights = torch.rebindIndexed(weights, "scores.masked", scoresBytes);
  const probs = softmaxInDtype
    ? torch.elementwise("attention_probs", scoresBytes, scoresBytes)
    : torch.softmaxInFloat32("attention_probs", scores);
  torch.free(weights);
  let output = torch.bmm("context", queryBytes, scoresBytes + wideBytes, flops);
  if (query > 1 && heads > 1) {
    output = torch.rebindIndexed(output, "context.contiguous", queryBytes);
  }
  torch.free(...repeated);
  return { output, weights: probs };
}

/** `sdpa_attention_forward`: the kernels take keys and values that heads share, unless there is a mask. */
function sdpaAttention(
  torch: Torch,
  sizes: AttentionSizes,
  { hasMask, byHeads = false }: AttentionOptions,
): Attended {
  const { batch, query, keys, heads, kvHeads, headDim } = sizes;
  const { elementBytes, deviceType } = torch.runtime;
  const queryBytes = batch * query * heads * headDim * elementBytes;
  const wideBytes = batch * heads * keys * headDim * elementBytes;
  const repeated = hasMask && heads !== kvHeads
    ? ["repeat_key", "repeat_value"].map((name) =>
      torch.indexed(name, wideBytes, wideBytes * kvHeads / heads)
    )
    : [];
  // A boolean mask becomes numbers in the dtype of the query.
  const maskBytes = batch * query * keys * elementBytes;
  const bias = hasMask ? torch.elementwise("attn_bias", maskBytes, maskBytes) : undefined;
  let output = torch.tensor("context", queryBytes);
  const logsumexp = torch.tensor("logsumexp", batch * query * heads * 4);
  if (deviceType === "cpu") {
    torch.free(torch.tensor("flash.buffer", flashBufferBytes(sizes)));
  }
  // Fused kernels read keys and values once and compute whole tiles of queries: not one dot product after the other.
  const rows = deviceType === "cpu" ? query : Math.max(query, QUERY_TILE);
  const flops = 4 * batch * heads * rows * keys * headDim;
  torch.kernel("flash_attention", 2 * queryBytes + 2 * wideBytes, flops, "bytes");
  torch.free(logsumexp);
  // The result is laid out as the query is (`empty_like` of flash_api.cpp), but by tokens where CUDA has a kernel for masks.
  const isAsQuery = deviceType === "cpu" || !hasMask;
  if (byHeads && isAsQuery && query > 1 && heads > 1) {
    output = torch.rebindIndexed(output, "context.contiguous", queryBytes);
  }
  if (bias !== undefined) torch.free(bias);
  torch.free(...repeated);
  return { output, weights: undefined };
}

/** Scratch of one thread of `_scaled_dot_product_flash_attention_for_cpu` (FlashAttentionKernel.cpp). */
function flashBufferBytes({ query, keys, headDim }: AttentionSizes): number {
  const rows = Math.min(query, query >= 768 ? 256 : query >= 192 ? 64 : 32);
  const columns = Math.min(keys, 512);
  return rows * (columns + 2 + headDim) * 4;
}
