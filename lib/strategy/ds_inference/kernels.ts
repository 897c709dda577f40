/**
 * The workspace of DeepSpeed's injected kernels: one buffer outside PyTorch's allocator, made at the first forward pass
 * for the batch of that pass (`GenWorkSpace` of csrc/transformer/inference, `allocate_workspace` before 0.7.4).
 */
import type { BehaviourName } from "../../catalog/behaviours.ts";

/** What the size of the workspace depends on. */
export interface WorkspaceNeed {
  readonly hiddenSize: number;
  readonly heads: number;
  readonly layers: number;
  readonly ranks: number;
  readonly batchSize: number;
  readonly elementBytes: number;
  /** DeepSpeed's `max_out_tokens`. */
  readonly maxOutTokens: number;
  /** Whether PyTorch holds the KV cache, as with BLOOM; else the workspace does. */
  readonly externalCache: boolean;
  /** Free memory of the device at the first forward pass; null where it is not known. */
  readonly freeBytes: number | null;
}

/** Default of `max_out_tokens` (deepspeed/inference/config.py). */
export const DEFAULT_MAX_OUT_TOKENS = 1024;

/** `MAX_OUT_TOKES` and, in 0.7.4, `MAX_OUT_TOKENS`. */
const COMPILED_TOKENS = 128;
const COMPILED_TOKENS_074 = 8192;

const MEGABYTE = 2 ** 20;
const GIGABYTE = 2 ** 30;

/** Bytes of the workspace. */
export function workspaceBytes(
  need: WorkspaceNeed,
  behaviours: ReadonlySet<BehaviourName>,
): number {
  const { batchSize, hiddenSize, elementBytes, layers, externalCache } = need;
  if (behaviours.has("kernel-workspace-128-tokens")) {
    // Python passes one layer where it keeps the cache itself.
    const cachedLayers = externalCache ? 1 : layers;
    return (16 + 2 * cachedLayers) * hiddenSize * batchSize * COMPILED_TOKENS * elementBytes;
  }
  const { activation, scores, cache, maxTokens } = termsPerToken(need, behaviours);
  const { freeBytes } = need;
  // DeepSpeed refuses to start below this much: it has run out of memory.
  const minimum = scores + ((freeBytes ?? Infinity) > GIGABYTE ? 500 : 100) * MEGABYTE;
  if (freeBytes !== null && freeBytes < minimum) return minimum;
  // The cache counts here even where PyTorch holds it.
  const perToken = activation + scores + cache;
  const allowed = freeBytes === null
    ? Infinity
    : Math.floor(Math.floor((freeBytes - minimum) / elementBytes) / perToken);
  const tokens = Math.min(maxTokens, allowed);
  return (activation + scores + (externalCache ? 0 : cache)) * tokens * elementBytes;
}

/** Elements for one token of all sequences. */
function termsPerToken(need: WorkspaceNeed, behaviours: ReadonlySet<BehaviourName>) {
  const { hiddenSize, heads, layers, ranks, batchSize, maxOutTokens } = need;
  const headSize = Math.floor(hiddenSize / heads);
  if (behaviours.has("kernel-workspace-8192-tokens")) {
    const padded = headSize < 32 ? 32 : headSize < 64 ? 64 : 128;
    // The code multiplies the size of a head where the number of heads is meant.
    return {
      activation: 32 * headSize * padded * batchSize,
      scores: batchSize * heads * COMPILED_TOKENS_074 * 2,
      cache: layers * batchSize * Math.floor(headSize * padded / ranks) * 2,
      maxTokens: COMPILED_TOKENS_074,
    };
  }
  const padded = headSize <= 32 ? 32 : headSize <= 64 ? 64 : headSize <= 128 ? 128 : headSize;
  const isWide = behaviours.has("kernel-workspace-16-activations");
  return {
    activation: (isWide ? 16 : 10) * heads * padded * batchSize,
    scores: isWide
      ? batchSize * heads * maxOutTokens * 2
      : batchSize * Math.floor(heads / ranks) * maxOutTokens,
    cache: layers * batchSize * Math.floor(heads * padded / ranks) * 2,
    maxTokens: maxOutTokens,
  };
}
