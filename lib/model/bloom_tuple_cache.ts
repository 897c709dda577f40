/** The cache of BLOOM before it was an object: each layer is given its part of a tuple, and returns a new one. */
import { runBlocks } from "./blocks.ts";
import { blockName, bloomBlock } from "./bloom_parts.ts";
import type { ForwardCall, KvCache, Logits } from "./family.ts";
import { lastLogits } from "./head.ts";
import type { Placed } from "./torch.ts";

/** What the attention of a layer returns. */
export interface AttendedTuple {
  readonly output: number;
  readonly present: KvCache;
}

/** Runs every block; `shared` is what each is given beside its part of the cache. */
export function runTupleBlocks(
  call: ForwardCall,
  shared: readonly Placed[],
  first: Placed,
  attention: (call: ForwardCall, layer: number, past: KvCache | undefined) => AttendedTuple,
): Placed {
  const { pass } = call;
  const pastOf = (layer: number) => pass.past === 0 ? undefined : pass.cache[layer];
  const given = (layer: number) => [...shared, ...pastOf(layer) ?? []];
  return runBlocks(call, { blockName, given }, first, (layer) => {
    const handle = bloomBlock(call, layer, () => {
      const { output, present } = attention(call, layer, pastOf(layer));
      pass.cache[layer] = present;
      return output;
    });
    return { handle };
  });
}

/** The logits of all positions, which come back with the cache. */
export function tupleLogits(call: ForwardCall, final: Placed): Logits {
  const logits = lastLogits(call, final, { positions: call.pass.query });
  sendCacheHome(call);
  return logits;
}

/** accelerate before 0.20: the hook of the whole model sends its outputs, cache included, to where its inputs were. */
function sendCacheHome({ torch, pass, execution: { cacheHome } }: ForwardCall): void {
  if (cacheHome === undefined) return;
  for (const [layer, tensors] of pass.cache.entries()) {
    const fused = tensors.length === 1 ? tensors[0] : undefined;
    // The views of a projection are copied one by one.
    const part = fused && { ...fused, bytes: fused.bytes / 3 };
    const parts = part ? [part, part] : tensors;
    if (parts.every(({ device }) => device === cacheHome)) continue;
    const copies = torch.send(`h.${layer} cache`, parts, cacheHome, "kv");
    torch.free(...tensors.map(({ handle }) => handle));
    pass.cache[layer] = copies.map((handle, index) => ({
      handle: handle ?? -1,
      device: cacheHome,
      bytes: parts[index]?.bytes ?? 0,
    }));
  }
}
