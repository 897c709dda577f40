/** Causal attention masks, as transformers makes them for a batch whose attention mask is all ones. */
import type { Placed, Torch } from "./torch.ts";
import { type ForwardPass, keyLength } from "./family.ts";

/**
 * `create_causal_mask` of masking_utils.py: indices, then a boolean mask of the batch, for eager attention converted
 * to numbers. sdpa goes without a mask where the kernel's own causal mask says the same.
 */
export function causalMask(
  torch: Torch,
  pass: ForwardPass,
  window?: number,
): Placed | undefined {
  const { batch, query } = pass;
  const { attention, behaviours, deviceType } = torch.runtime;
  const keys = keyLength(pass, window);
  // The loop's mask is as long as what was said; a window sees the end of it.
  const seen = pass.staticLength ?? pass.past + query;
  const own = torch.tensor("attention_mask.bool", batch * seen);
  if (attention === "sdpa" && seen > keys) {
    let range = torch.elementwise("window.arange", keys * 8, 0);
    if (!behaviours.has("masks-by-vmap")) range = torch.rebind(range, "window.arange", keys * 8);
    const visible = torch.elementwise("window.attention_mask", batch * keys, batch * keys);
    torch.free(visible, range);
  }
  if (attention === "sdpa" && !needsMask(pass, torch, window)) {
    // Whether all tokens count is asked by a sum, which a CPU makes of int64.
    if (deviceType === "cpu" && !behaviours.has("masks-by-vmap")) {
      torch.free(torch.tensor("attention_mask.int64", batch * keys * 8));
    }
    torch.free(own);
    return undefined;
  }
  const isVmapped = behaviours.has("masks-by-vmap");
  const indices: number[] = [];
  function arange(name: string, length: number): void {
    const range = torch.elementwise(name, length * 8, 0);
    indices.push(isVmapped ? range : torch.rebind(range, name, length * 8));
  }
  if (isVmapped) {
    arange("kv_arange", keys);
    indices.push(torch.tensor("batch_arange", batch * 8), torch.tensor("head_arange", 8));
  } else {
    indices.push(torch.tensor("batch_arange", batch * 8), torch.tensor("head_arange", 8));
    arange("q_arange", query);
    arange("kv_arange", keys);
  }

  let both: number | undefined;
  if (window !== undefined) {
    const first = torch.elementwise("window.first", query * 8, query * 8);
    const within = torch.elementwise("window.within", query * keys, (query + keys) * 8);
    torch.free(first);
    both = torch.rebind(within, "causal", query * keys);
  }
  const causal = torch.elementwise("causal", query * keys, (query + keys) * 8);
  if (both !== undefined) {
    const all = torch.elementwise("causal", query * keys, 2 * query * keys);
    torch.free(causal, both);
    // The outer of the two nested conjunctions starts from true as well.
    both = torch.rebind(all, "causal", query * keys);
  } else both = torch.rebind(causal, "causal", query * keys);
  // padding_mask[batch_idx, kv_idx]: CUDA expands the indices into tensors.
  const expanded = deviceType === "gpu"
    ? [torch.tensor("index", batch * keys * 8), torch.tensor("index", batch * keys * 8)]
    : [];
  const padding = torch.elementwise("padding", batch * keys, batch * keys);
  torch.free(...expanded);
  const mask = torch.elementwise("causal_mask.bool", batch * query * keys, query * keys);
  torch.free(padding, both, ...indices);
  if (attention === "sdpa") {
    torch.free(own);
    return { handle: mask, device: torch.device, bytes: batch * query * keys };
  }
  const bytes = batch * query * keys * torch.runtime.elementBytes;
  const numbers = torch.rebind(mask, "causal_mask", bytes, batch * query * keys);
  torch.free(own);
  return { handle: numbers, device: torch.device, bytes };
}

/** `_ignore_causal_mask_sdpa`: a static cache is longer than what was said, so decoding has to mask its rest. */
function needsMask(pass: ForwardPass, { runtime }: Torch, window = Infinity): boolean {
  if (keyLength(pass, window) >= window) return true;
  if (pass.staticLength === undefined) return pass.query > 1 && pass.past > 0;
  return pass.past > 0 || runtime.behaviours.has("masks-by-vmap");
}

/**
 * `_prepare_4d_causal_attention_mask_with_cache_position`, which models kept before they moved to masking_utils.py:
 * a mask in the dtype of the model, cloned for the batch and filled in place.
 */
export function causalMaskInPlace(torch: Torch, pass: ForwardPass): Placed {
  const { batch, query } = pass;
  const { elementBytes } = torch.runtime;
  const keys = keyLength(pass);
  const single = query * keys * elementBytes;
  const bytes = batch * single;
  let causal = torch.elementwise("causal_mask", single, 0);
  if (query !== 1) causal = torch.rebind(causal, "causal_mask", single);
  const range = torch.tensor("arange", keys * 8);
  const later = torch.elementwise("later", query * keys, keys * 8);
  torch.free(range);
  if (torch.runtime.deviceType === "cpu") torch.free(torch.tensor("later.converted", single));
  torch.free(later);
  const mask = torch.rebind(causal, "causal_mask", bytes, single);
  const masked = batch * keys;
  const sum = torch.mixed("padding_sum", bytes, bytes, masked * elementBytes);
  const padding = torch.rebind(sum, "padding_mask", batch * query * keys, bytes);
  torch.free(torch.elementwise("causal_mask.filled", bytes, bytes), padding);
  return { handle: mask, device: torch.device, bytes };
}
