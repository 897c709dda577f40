import assert from "node:assert/strict";
import { CachingAllocator } from "../../../lib/memory/allocator/allocator.ts";
import { FREE, NONE } from "../../../lib/memory/allocator/blocks.ts";
import { roundedUnits, segmentUnits } from "../../../lib/memory/allocator/rules.ts";

const MIB = 2 ** 20;

Deno.test("requests are rounded to 512 B, segments by the class of the request", () => {
  assert.deepEqual([0, 1, 512, 513, MIB].map(roundedUnits), [1, 1, 1, 2, 2048]);
  const segments: [number, number][] = [
    [512, 2 * MIB],
    [MIB, 2 * MIB],
    [MIB + 512, 20 * MIB],
    [10 * MIB - 512, 20 * MIB],
    [10 * MIB, 10 * MIB],
    [10 * MIB + 512, 12 * MIB],
  ];
  for (const [bytes, segment] of segments) {
    assert.equal(512 * segmentUnits(bytes / 512), segment, String(bytes));
  }
});

Deno.test("the smallest cached block that fits is taken, the lowest address among equals", () => {
  const allocator = new CachingAllocator();
  const blocks = [14, 30, 12, 12].map((size) => allocator.malloc(size * MIB));
  const addresses = blocks.map((block) => allocator.blocks.address[block]);
  for (const block of blocks) allocator.free(block);
  const again = [11.5, 11.5, 13.5, 11.5].map((size) => allocator.malloc(size * MIB));
  // Later segments lie lower; the last request finds only the block of 30 MiB.
  assert.deepEqual(
    again.map((block) => allocator.blocks.address[block]),
    [addresses[3], addresses[2], addresses[0], addresses[1]],
  );
});

Deno.test("a large block keeps up to 1 MiB that was not asked for, a small one nothing", () => {
  const allocator = new CachingAllocator();
  allocator.malloc(11 * MIB); // a segment of 12 MiB, of which exactly 1 MiB is left
  assert.equal(allocator.allocatedBytes, 12 * MIB);
  allocator.malloc(11 * MIB - 512);
  assert.equal(allocator.allocatedBytes, 12 * MIB + 11 * MIB - 512);
  allocator.malloc(MIB - 512);
  assert.equal(allocator.allocatedBytes, 24 * MIB - 1024);
});

Deno.test("cached segments are returned when the device is full, and the request succeeds", () => {
  const allocator = new CachingAllocator({ deviceBytes: 100 * MIB });
  const first = allocator.malloc(60 * MIB);
  allocator.free(first);
  assert.notEqual(allocator.malloc(80 * MIB), NONE);
  assert.equal(allocator.retries, 1);
  assert.equal(allocator.reservedBytes, 80 * MIB);
  assert.equal(allocator.malloc(40 * MIB), NONE);
  assert.equal(512 * allocator.failedUnits, 40 * MIB);
  assert.equal(allocator.reservedBytes, 80 * MIB);
});

Deno.test("a cached segment of which a part is in use cannot be returned", () => {
  const allocator = new CachingAllocator({ deviceBytes: 40 * MIB });
  const [, part] = [allocator.malloc(2 * MIB), allocator.malloc(9 * MIB)];
  allocator.free(part as number);
  assert.equal(allocator.malloc(24 * MIB), NONE); // 20 MiB stay reserved for 2 MiB
  assert.equal(allocator.reservedBytes, 20 * MIB);
});

Deno.test("the cap of the process counts before the device is asked", () => {
  const allocator = new CachingAllocator({ deviceBytes: 100 * MIB, allowedBytes: 50 * MIB });
  assert.notEqual(allocator.malloc(50 * MIB), NONE);
  assert.equal(allocator.malloc(1), NONE);
});

Deno.test("streams share no blocks", () => {
  const allocator = new CachingAllocator();
  allocator.free(allocator.malloc(30 * MIB, 0));
  allocator.malloc(30 * MIB, 1);
  assert.equal(allocator.reservedBytes, 60 * MIB);
  allocator.malloc(30 * MIB, 0);
  assert.equal(allocator.reservedBytes, 60 * MIB);
});

Deno.test("a block that another stream uses is cached when the streams are in step", () => {
  const allocator = new CachingAllocator();
  const block = allocator.malloc(30 * MIB);
  allocator.recordStream(block);
  allocator.free(block);
  assert.equal(allocator.allocatedBytes, 0);
  allocator.malloc(30 * MIB);
  assert.equal(allocator.reservedBytes, 60 * MIB);
  allocator.synchronize();
  allocator.malloc(30 * MIB);
  assert.equal(allocator.reservedBytes, 60 * MIB);
});

Deno.test("with a lag blocks come back after a few requests of other streams, the oldest first", () => {
  const allocator = new CachingAllocator();
  allocator.pending.lag = 4;
  const blocks = [30, 40, 50].map((size) => allocator.malloc(size * MIB, 1));
  for (const block of blocks) {
    allocator.recordStream(block);
    allocator.free(block);
  }
  assert.equal(allocator.allocatedBytes, 0);
  const cached = () => blocks.filter((block) => allocator.blocks.state[block] === FREE).length;
  const counts: number[] = [];
  for (let request = 0; request < 8; request++) {
    allocator.malloc(60 * MIB, 0); // the first stream waits for nothing, and returns nothing
    allocator.malloc(2 * MIB, 1);
    counts.push(cached());
    assert.deepEqual(
      blocks.map((block) => allocator.blocks.state[block] === FREE),
      blocks.map((_, index) => index < cached()),
    );
  }
  assert.ok((counts[0] as number) < 3, String(counts));
  assert.equal(counts.at(-1), 3);
});

Deno.test("with a split limit oversize blocks are not cut, and are returned first", () => {
  const allocator = new CachingAllocator({ maxSplitBytes: 32 * MIB, deviceBytes: 110 * MIB });
  allocator.free(allocator.malloc(64 * MIB));
  allocator.malloc(24 * MIB); // not out of the oversize block
  assert.equal(allocator.reservedBytes, 88 * MIB);
  allocator.malloc(40 * MIB); // 64 are 20 too many; 88 + 40 > 110: the oversize block alone is returned
  assert.equal(allocator.retries, 0);
  assert.equal(allocator.reservedBytes, 64 * MIB);
});

Deno.test("old segments are returned beyond the threshold of the garbage collection", () => {
  const allocator = new CachingAllocator({
    allowedBytes: 100 * MIB,
    garbageCollectionThreshold: 0.5,
  });
  const [old, recent] = [30, 32].map((size) => allocator.malloc(size * MIB)) as [number, number];
  allocator.free(old);
  allocator.free(recent);
  for (let i = 0; i < 3; i++) allocator.free(allocator.malloc(32 * MIB));
  allocator.malloc(34 * MIB); // 62 > 50: the segment that nobody asked for since goes
  assert.equal(allocator.reservedBytes, (32 + 34) * MIB);
});
