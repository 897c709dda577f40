/** `release_available_cached_blocks`: with a split limit, oversize blocks are returned before all others. */
import type { CachingAllocator } from "./allocator.ts";
import { NONE } from "./blocks.ts";
import type { Pool } from "./pool.ts";
import { MAX_UNITS } from "./rules.ts";

/** @returns Whether as much was returned as a request needs. */
export function releaseOversize(
  allocator: CachingAllocator,
  { free }: Pool,
  units: number,
): boolean {
  const oversize = allocator.maxSplitUnits;
  if (oversize === MAX_UNITS) return false;
  const wanted = Math.max(units, oversize);
  const fit = free.bestFit(wanted);
  if (fit !== NONE) {
    allocator.release(fit);
    return true;
  }
  const { size } = allocator.blocks;
  const largestFirst = free.all().filter((block) => (size[block] as number) >= oversize)
    .sort((a, b) => (size[b] as number) - (size[a] as number));
  let released = 0;
  for (const block of largestFirst) {
    if (released >= wanted) break;
    released += size[block] as number;
    allocator.release(block);
  }
  return released >= wanted;
}
