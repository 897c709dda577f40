/** Masks and biases of BLOOM in transformers 4.20 and 4.21. */
import type { ForwardPass } from "./family.ts";
import type { Placed, Torch } from "./torch.ts";

/** 4.20: ALiBi of one sequence, made on the host; where that is the device, it counts. */
export function alibiOfHeads(torch: Torch, heads: number, pass: ForwardPass): Placed {
  const keys = pass.past + pass.query;
  const { deviceType, elementBytes } = torch.runtime;
  if (deviceType === "gpu") {
    return { handle: torch.tensor("alibi.host", 0), device: torch.device, bytes: 0 };
  }
  const range = torch.tensor("alibi.range", keys * 8);
  const float = torch.mixed("alibi_float", heads * keys * 4, keys * 8, heads * keys * 4);
  const bytes = heads * keys * elementBytes;
  const handle = torch.cast(float, "alibi", bytes, heads * keys * 4);
  torch.free(range);
  return { handle, device: torch.device, bytes };
}

/** 4.20: ALiBi is repeated for the batch on the host; a GPU gets a copy in each layer. */
export function alibiOnHost(torch: Torch, heads: number, pass: ForwardPass): number {
  const keys = pass.past + pass.query;
  const bytes = pass.batch * heads * keys * torch.runtime.elementBytes;
  const alibi = torch.elementwise("alibi.repeated", bytes, bytes);
  // `0 in attention_mask`
  torch.free(torch.elementwise("alibi.has_padding", pass.batch * keys, pass.batch * keys * 8));
  return alibi;
}

/**
 * 4.20: BloomScaledSoftmax makes a boolean mask in each layer, fills the scores with it and multiplies the probabilities
 * by it. Returns the tensors that outlive the product with the values.
 */
export function softmaxWithMask(torch: Torch, heads: number, pass: ForwardPass): number[] {
  const { batch, query, past } = pass;
  const { elementBytes, deviceType } = torch.runtime;
  const keys = past + query;
  const scores = batch * heads * query * keys;
  const bytes = scores * elementBytes;
  const input = torch.elementwise("scores.scaled", bytes, bytes);
  const square = keys * keys;
  // tril(ones) is made on the host.
  const ones = deviceType === "cpu" ? torch.tensor("causal.ones", square) : undefined;
  const causal = torch.elementwise("causal", square, square);
  if (ones !== undefined) torch.free(ones);
  const inverted = torch.elementwise("mask.inverted", batch * keys * 8, batch * keys * 8);
  const isPadding = torch.rebind(inverted, "mask.is_padding", batch * keys);
  const positions = batch * query * keys;
  const later = torch.elementwise("causal.later", query * keys, query * keys);
  const rows = torch.elementwise("mask.rows", positions, positions);
  torch.free(later);
  const isMasked = torch.rebind(rows, "mask.is_masked", positions);
  torch.free(isPadding);
  torch.kernel("masked_fill_", bytes);
  const float = scores * 4;
  const converted = elementBytes === 4 || deviceType === "gpu" && torch.runtime.dtype === "float16"
    ? undefined
    : torch.elementwise("softmax.input_float32", float, bytes);
  const probs = torch.elementwise("softmax.float32", float, bytes);
  if (converted !== undefined) torch.free(converted);
  const isKept = torch.elementwise("mask.is_kept", positions, positions);
  let kept = torch.mixed("attention_probs.float32", float, float, positions * 4);
  torch.free(probs, isKept);
  kept = torch.cast(kept, "attention_probs", bytes, float);
  torch.free(causal, input, isMasked);
  return [kept];
}

/** 4.21: `_prepare_attn_mask`, the sum of a causal mask that the host makes and an expanded padding mask. */
export function attentionMask2022(torch: Torch, { batch, query, past }: ForwardPass): Placed {
  const { elementBytes, deviceType } = torch.runtime;
  const keys = past + query;
  const bytes = batch * query * keys * elementBytes;
  let causal: number | undefined;
  if (query > 1) {
    causal = deviceType === "cpu"
      ? causalOnHost(torch, query)
      : torch.elementwise("causal", bytes, 0);
  }
  const expanded = torch.elementwise("mask.expanded", bytes, batch * keys * 8);
  const inverted = torch.elementwise("mask.inverted", bytes, bytes);
  const isPadding = torch.elementwise("mask.is_padding", batch * query * keys, bytes);
  let mask = torch.elementwise("mask", bytes, bytes);
  torch.free(isPadding, expanded, inverted);
  if (causal !== undefined) {
    const sum = torch.elementwise("causal_mask", bytes, 2 * bytes);
    torch.free(causal, mask);
    mask = sum;
  }
  return { handle: mask, device: torch.device, bytes };
}

/** `_make_causal_mask`: float32 first, whatever the dtype of the model. */
function causalOnHost(torch: Torch, query: number): number {
  const square = query * query;
  const mask = torch.tensor("causal.float32", square * 4);
  const range = torch.tensor("causal.range", query * 8);
  const next = torch.tensor("causal.next", query * 8);
  const isAllowed = torch.tensor("causal.is_allowed", square);
  torch.free(next, range, isAllowed);
  return torch.cast(mask, "causal", square * torch.runtime.elementBytes, square * 4);
}
