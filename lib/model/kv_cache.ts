/** What a layer's keys and values are kept in from one pass to the next. */
import { type ForwardPass, keyLength, type ModelShape } from "./family.ts";
import type { Placed, Torch } from "./torch.ts";

/** What a layer adds to its cache. */
export interface Added {
  /** Bytes of the keys of one token of one sequence. */
  readonly tokenBytes: number;
  readonly window?: number | undefined;
  /** Parts of a projection of all three, so that even those of one token lie apart. @default none */
  readonly inProjection?: readonly ("key" | "value")[];
}

/**
 * `DynamicCache.update` and `StaticCache.update`. A dynamic cache concatenates, and lets go of the old tensor when the
 * new one has taken its place; a static one is made whole at the first pass and filled in place.
 */
export function updateCache(
  torch: Torch,
  layer: number,
  pass: ForwardPass,
  { tokenBytes, window, inProjection = [] }: Added,
): void {
  if (pass.cacheIsGiven) {
    const added = 2 * pass.batch * pass.query * tokenBytes;
    torch.kernel("copy_key", added);
    torch.kernel("copy_value", added);
    return;
  }
  const bytes = pass.batch * keyLength(pass, window) * tokenBytes;
  const old = pass.cache[layer];
  if (pass.staticLength !== undefined) {
    pass.cache[layer] = old ?? [
      cacheTensor(torch, `h.${layer}.key`, bytes),
      cacheTensor(torch, `h.${layer}.value`, bytes),
    ];
    const added = 2 * pass.batch * pass.query * tokenBytes;
    torch.kernel("index_copy_key", added);
    torch.kernel("index_copy_value", added);
    return;
  }
  const [oldKey, oldValue] = old ?? [];
  const cat = (part: "key" | "value") => {
    // Several tokens lie by tokens, the cache by heads.
    const isStrided = pass.query > 1 || inProjection.includes(part);
    torch.cat(`cat_${part}`, bytes, isStrided ? "strided" : "whole");
  };
  const key = cacheTensor(torch, `h.${layer}.key`, bytes);
  cat("key");
  // With a sliding window both concatenations exist before the names of their parts are bound to them.
  if (oldKey && window === undefined) torch.free(oldKey.handle);
  const value = cacheTensor(torch, `h.${layer}.value`, bytes);
  cat("value");
  if (oldKey && window !== undefined) torch.free(oldKey.handle);
  if (oldValue) torch.free(oldValue.handle);
  pass.cache[layer] = [key, value];
}

/** A tensor of the cache on the device of the moment. */
export function cacheTensor(torch: Torch, name: string, bytes: number): Placed {
  return { handle: torch.tensor(name, bytes, "kv"), device: torch.device, bytes };
}

/** Replaces a growing cache by the one that `pass` would find. */
export function growCache(torch: Torch, shape: ModelShape, pass: ForwardPass): void {
  if (pass.staticLength !== undefined) return;
  const { batch, past, tensorParallel, cache } = pass;
  const tokenBytes = shape.kvHeads / tensorParallel * shape.headDim * torch.runtime.elementBytes;
  // What the concatenation of the step before left: a window is a view of it.
  const tokens = keyLength({ ...pass, past: past - 1, query: 1 }, shape.window);
  for (const [layer, old] of cache.entries()) {
    torch.device = old[0]?.device ?? torch.device;
    torch.free(...old.map(({ handle }) => handle));
    cache[layer] = [
      cacheTensor(torch, `h.${layer}.key`, batch * tokens * tokenBytes),
      cacheTensor(torch, `h.${layer}.value`, batch * tokens * tokenBytes),
    ];
  }
}
