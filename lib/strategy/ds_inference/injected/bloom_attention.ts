/**
 * Attention of BLOOM's injected layers: Python over PyTorch's tensors but for the softmax, from `backup_attention` of
 * 0.6.7 to `BloomSelfAttention.compute_attention` of 0.19.8. Keys are kept as [batch x heads, size, tokens].
 */
import { cacheTensor } from "../../../model/kv_cache.ts";
import type { ForwardPass } from "../../../model/family.ts";
import type { Torch } from "../../../model/torch.ts";
import type { AttentionCall } from "./layer.ts";

/** Returns the result, which its caller frees. */
export function bloomAttention(torch: Torch, { layer, shape, pass }: AttentionCall): number {
  const { elementBytes, behaviours } = torch.runtime;
  const { batch, query, past, tensorParallel, cache } = pass;
  const heads = shape.heads / tensorParallel;
  const keys = past + query;
  const tokenBytes = heads * shape.headDim * elementBytes;
  const localBytes = batch * query * tokenBytes;
  const cacheBytes = batch * keys * tokenBytes;
  const scores = batch * heads * query * keys;
  const scoresBytes = scores * elementBytes;
  const flops = 2 * scores * shape.headDim;

  const alibi = behaviours.has("bloom-fused-cache")
    ? alibiFromHost(torch, shape.heads * keys * elementBytes)
    : undefined;
  // The parts of the projection are made contiguous, and copied again where batch and heads cannot be merged.
  const copies = batch > 1 && heads > 1 && query > 1;
  const category = past === 0 && !copies ? "kv" : "activation";
  let parts = ["query", "key", "value"].map((name) => {
    torch.kernel(`split_${name}`, 2 * localBytes);
    return torch.tensor(name, localBytes, name === "query" ? "activation" : category);
  });
  if (copies) {
    parts = parts.map((part, index) => {
      torch.kernel("merge_heads", 2 * localBytes);
      const merged = torch.tensor("merged", localBytes, index > 0 && past === 0 ? "kv" : undefined);
      torch.free(part);
      return merged;
    });
  }
  const [queries = -1, ...keyAndValue] = parts;
  if (past === 0) {
    cache[layer] = keyAndValue.map((handle) => ({
      handle,
      device: torch.device,
      bytes: localBytes,
    }));
  } else {
    cache[layer] = keyAndValue.map((added, index) => {
      const part = index === 0 ? "key" : "value";
      torch.cat(`cat_${part}`, cacheBytes, part === "key" ? "along the last dimension" : "whole");
      const whole = cacheTensor(torch, `h.${layer}.${part}`, cacheBytes);
      torch.free(added);
      return whole;
    });
  }

  const kind = query > 1 ? "attention" : "bytes";
  const read = localBytes + cacheBytes;
  const weights = torch.bmm("attention_scores", scoresBytes, read, flops, kind);
  const [mask, ...named] = maskOf(torch, pass);
  // In place.
  torch.kernel("attn_softmax", 2 * scoresBytes);
  torch.free(mask);
  let context = torch.bmm("context", localBytes, scoresBytes + cacheBytes, flops);
  if (query > 1 && heads > 1) context = torch.rebind(context, "context.contiguous", localBytes);
  torch.free(...named, queries, weights);
  if (alibi !== undefined) torch.free(alibi);
  return context;
}

/** The mask times -10000; what the function still names comes behind it. */
function maskOf(torch: Torch, { batch, query, past }: ForwardPass): [number, ...number[]] {
  const { elementBytes, behaviours } = torch.runtime;
  const keys = past + query;
  if (behaviours.has("bloom-mask-of-floats")) {
    const positions = batch * query * keys;
    const whole = torch.elementwise("mask.int64", positions * 8, positions);
    const bytes = positions * elementBytes;
    const cast = torch.elementwise("mask.cast", bytes, positions * 8);
    return [torch.rebind(cast, "mask", bytes), whole];
  }
  const bytes = batch * keys * elementBytes;
  const inverted = torch.elementwise("mask.inverted", batch * keys * 8, batch * keys * 8);
  const cast = torch.rebind(inverted, "mask.cast", bytes, batch * keys * 8);
  return [torch.rebind(cast, "mask", bytes)];
}

/** transformers 4.20 makes ALiBi on the host; each layer asks for a copy of its own. */
function alibiFromHost(torch: Torch, bytes: number): number {
  const alibi = torch.tensor("alibi", bytes);
  torch.fromHost("alibi", bytes);
  return alibi;
}
