/** `release_available_cached_blocks`: with a split limit, oversize blocks are returned before all others. */
import type { CachingAllocator } from "./allocator.ts";
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
  const index = free.lowerBound(wanted);
  if (index < free.length) {
    allocator.release(free.at(index));
    return true;
  }
  let released = 0;
  while (released < wanted && free.length > 0 && free.sizeAt(free.length - 1) >= oversize) {
    released += free.sizeAt(free.length - 1);
    allocator.release(free.at(free.length - 1));
  }
  return released >= wanted;
}
