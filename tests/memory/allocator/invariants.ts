/** What must be true of an allocator at any time, checked by walking all its blocks. */
import assert from "node:assert/strict";
import type { CachingAllocator } from "../../../lib/memory/allocator/allocator.ts";
import { ALLOCATED, FREE, NONE, PENDING, UNMAPPED } from "../../../lib/memory/allocator/blocks.ts";

/** @param live Every block that the program holds, and those that wait for a stream. */
export function assertInvariants(allocator: CachingAllocator, live: readonly number[]): void {
  const { blocks, pools } = allocator;
  const cached = pools.flatMap(({ free }) => free.all());
  assert.equal(new Set(cached).size, cached.length, "a block is cached twice");
  for (const block of cached) assert.equal(blocks.state[block], FREE);

  const heads = new Set([...live, ...cached].map((block) => {
    let head = block;
    while (blocks.prev[head] !== NONE) head = blocks.prev[head] as number;
    return head;
  }));
  const seen = new Set<number>();
  const sums = { [FREE]: 0, [ALLOCATED]: 0, [PENDING]: 0, [UNMAPPED]: 0 };
  for (const head of heads) {
    let end = blocks.address[head] as number;
    let before = NONE;
    for (let block = head; block !== NONE; block = blocks.next[block] as number) {
      assert.ok(!seen.has(block), "a block is in two segments");
      seen.add(block);
      assert.equal(blocks.address[block], end, "blocks overlap or leave a gap");
      assert.equal(blocks.prev[block], before);
      assert.equal(blocks.pool[block], blocks.pool[head]);
      const size = blocks.size[block] as number;
      const state = blocks.state[block] as keyof typeof sums;
      assert.ok(size > 0);
      if (before !== NONE && (state === FREE || state === UNMAPPED)) {
        assert.notEqual(blocks.state[before], state, "neighbours that could be one");
      }
      sums[state] += size;
      end += size;
      before = block;
    }
  }
  for (const block of live) assert.ok(seen.has(block));
  assert.equal([...seen].filter((block) => blocks.state[block] === FREE).length, cached.length);
  assert.equal(sums[ALLOCATED], allocator.allocatedUnits, "allocated bytes");
  assert.equal(sums[FREE] + sums[ALLOCATED] + sums[PENDING], allocator.reservedUnits, "reserved");
  assert.ok(allocator.reservedUnits >= allocator.allocatedUnits);
  assert.ok(allocator.peakReservedUnits >= allocator.reservedUnits);
  assert.ok(allocator.peakAllocatedUnits >= allocator.allocatedUnits);
  assert.ok(allocator.reservedUnits <= allocator.deviceUnits);
  assert.ok(allocator.reservedUnits <= allocator.allowedUnits);
  for (const { free } of pools) assertOrdered(allocator, free);
}

function assertOrdered(
  { blocks }: CachingAllocator,
  free: CachingAllocator["pools"][number]["free"],
): void {
  let block = free.bestFit(1);
  let count = 0;
  while (block !== NONE) {
    count++;
    const after = free.after(block);
    if (after !== NONE) {
      const [a, b] = [blocks.size[block] as number, blocks.size[after] as number];
      const [left, right] = [blocks.address[block] as number, blocks.address[after] as number];
      assert.ok(a < b || a === b && left < right, "the free list is out of order");
    }
    block = after;
  }
  assert.equal(count, free.all().length);
}
