/** Masks of BLOOM in transformers 4.22 to 4.43: of the whole batch, boolean in the end. */
import type { ForwardPass } from "./family.ts";
import type { Placed, Torch } from "./torch.ts";

/** Up to 4.34: `_prepare_attn_mask`, boolean throughout. */
export function maskOfBooleans(torch: Torch, { batch, query, past }: ForwardPass): Placed {
  const keys = past + query;
  const square = query * keys;
  let causal: number | undefined;
  if (query > 1) {
    causal = torch.tensor("causal", square);
    const range = torch.elementwise("causal.range", query * 8, 0);
    torch.free(torch.elementwise("causal.later", query * query, 2 * query * 8));
    torch.kernel("causal", 2 * query * query);
    torch.free(range);
  }
  const bool = torch.elementwise("mask.bool", batch * keys, batch * keys * 8);
  let mask = torch.rebind(bool, "mask.is_padding", batch * keys);
  let bytes = batch * keys;
  if (causal !== undefined) {
    bytes = batch * square;
    const both = torch.elementwise("causal_mask", bytes, batch * keys + square);
    torch.free(mask, causal);
    mask = both;
  }
  return { handle: mask, device: torch.device, bytes };
}

/** From 4.35 on: `AttentionMaskConverter.to_4d`, then `bool()`. */
export function maskOfFloats(torch: Torch, { batch, query, past }: ForwardPass): Placed {
  const { elementBytes } = torch.runtime;
  const keys = past + query;
  const positions = batch * query * keys;
  const bytes = positions * elementBytes;
  const causal = query > 1 ? causalOfFloats(torch, query) : undefined;

  const expanded = torch.elementwise("mask.expanded", bytes, batch * keys * 8);
  const inverted = torch.elementwise("mask.inverted", bytes, bytes);
  const isPadding = torch.elementwise("mask.is_padding", positions, bytes);
  let mask = torch.elementwise("mask", bytes, bytes + positions);
  torch.free(isPadding, expanded, inverted);
  if (causal !== undefined) {
    const bool = torch.elementwise("mask.bool", positions, bytes);
    const both = torch.elementwise("causal_mask", bytes, bytes + positions);
    torch.free(bool, mask, causal);
    mask = both;
  }
  const handle = torch.rebind(mask, "causal_mask.bool", positions, bytes);
  return { handle, device: torch.device, bytes: positions };
}

/** `_make_causal_mask`: float32 first. */
function causalOfFloats(torch: Torch, query: number): number {
  const square = query * query;
  const mask = torch.elementwise("causal.float32", square * 4, 0);
  const range = torch.elementwise("causal.range", query * 8, 0);
  const next = torch.elementwise("causal.next", query * 8, query * 8);
  const isAllowed = torch.elementwise("causal.is_allowed", square, 2 * query * 8);
  torch.kernel("masked_fill_", 4 * square);
  torch.free(next, isAllowed);
  const cast = torch.cast(mask, "causal", square * torch.runtime.elementBytes, square * 4);
  torch.free(range);
  return cast;
}
