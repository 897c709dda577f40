/** `garbage_collect_cached_blocks`: returns old cached segments before a new one is made. */
import type { CachingAllocator } from "./allocator.ts";

/**
 * Returns whole cached segments of the large pools that are older than the average until as much is returned as
 * stands above the threshold. A segment's age is the number of searches in its pool since it was cached.
 */
export function collectGarbage(allocator: CachingAllocator): void {
  const { blocks } = allocator;
  const threshold = Math.floor(allocator.garbageThreshold * allocator.allowedUnits);
  const target = allocator.reservedUnits - threshold;
  if (target <= 0) return;
  const cached = allocator.pools.filter(({ small }) => !small).flatMap((pool) =>
    pool.free.all()
      .filter((block) => blocks.isWhole(block))
      .map((block) => ({ block, age: pool.searches - (blocks.cachedAt[block] as number) }))
  );
  let totalAge = cached.reduce((sum, { age }) => sum + age, 0);
  let left = cached.length;
  let reclaimed = 0;
  let releasedOne = true;
  const released = new Set<number>();
  while (reclaimed < target && releasedOne && left > 0) {
    const limit = totalAge / left;
    releasedOne = false;
    for (const { block, age } of cached) {
      if (released.has(block) || age < limit) continue;
      releasedOne = true;
      reclaimed += blocks.size[block] as number;
      totalAge -= age;
      left--;
      released.add(block);
      allocator.release(block);
    }
  }
}
