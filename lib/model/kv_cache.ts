/** What a layer's keys and values are kept in from one pass to the next. */
import { type ForwardPass, keyLength } from "./family.ts";
import type { Torch } from "./torch.ts";

/**
 * `DynamicCache.update` and `StaticCache.update`. A dynamic cache concatenates, and lets go of the old tensor when the
 * new one has taken its place; a static one is made whole at the first pass and filled in place.
 *
 * @param tokenBytes Bytes of the keys of one token of one sequence.
 */
export function updateCache(
  torch: Torch,
  layer: number,
  pass: ForwardPass,
  tokenBytes: number,
): void {
  const bytes = pass.batch * keyLength(pass) * tokenBytes;
  const old = pass.cache[layer];
  if (pass.staticLength !== undefined) {
    const added = 2 * pass.batch * pass.query * tokenBytes;
    pass.cache[layer] = old ?? {
      key: torch.tensor(`h.${layer}.key`, bytes, "kv"),
      value: torch.tensor(`h.${layer}.value`, bytes, "kv"),
      bytes,
      device: torch.device,
    };
    torch.kernel("index_copy", added);
    torch.kernel("index_copy", added);
    return;
  }
  const key = torch.tensor(`h.${layer}.key`, bytes, "kv");
  torch.kernel("cat_key", 2 * bytes);
  if (old) torch.free(old.key);
  const value = torch.tensor(`h.${layer}.value`, bytes, "kv");
  torch.kernel("cat_value", 2 * bytes);
  if (old) torch.free(old.value);
  pass.cache[layer] = { key, value, bytes, device: torch.device };
}
