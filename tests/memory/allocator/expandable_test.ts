import assert from "node:assert/strict";
import { CachingAllocator } from "../../../lib/memory/allocator/allocator.ts";
import { NONE } from "../../../lib/memory/allocator/blocks.ts";

const MIB = 2 ** 20;

function expandable(deviceBytes = 2 ** 30): CachingAllocator {
  return new CachingAllocator({ expandableSegments: true, deviceBytes });
}

Deno.test("a segment grows by pages of 2 MiB for small requests and 20 MiB for large ones", () => {
  const allocator = expandable();
  allocator.malloc(1);
  assert.equal(allocator.reservedBytes, 2 * MIB);
  allocator.malloc(50 * MIB);
  assert.equal(allocator.reservedBytes, 62 * MIB);
  allocator.malloc(15 * MIB); // 10 MiB are left: one page more
  assert.equal(allocator.reservedBytes, 82 * MIB);
  assert.equal(allocator.allocatedBytes, 65 * MIB + 512);
});

Deno.test("a tensor that grows reuses the addresses that it left", () => {
  const fixed = new CachingAllocator();
  const growing = expandable();
  for (const allocator of [fixed, growing]) {
    let held = allocator.malloc(30 * MIB);
    for (let size = 33; size < 120; size += 3) {
      const next = allocator.malloc(size * MIB);
      allocator.free(held);
      held = next;
    }
  }
  assert.ok(growing.peakReservedBytes < 400 * MIB, String(growing.peakReservedBytes));
  assert.ok(fixed.peakReservedBytes > 1000 * MIB, String(fixed.peakReservedBytes));
});

Deno.test("empty pages are unmapped when memory runs out, also between blocks in use", () => {
  const allocator = expandable(200 * MIB);
  const [, second, third] = [60, 60, 60].map((size) => allocator.malloc(size * MIB));
  allocator.free(second as number);
  assert.equal(allocator.malloc(81 * MIB), NONE);
  assert.equal(allocator.retries, 1);
  assert.equal(allocator.reservedBytes, 120 * MIB);
  // What was unmapped is filled again, from the lowest address.
  const again = allocator.malloc(60 * MIB);
  assert.ok(
    (allocator.blocks.address[again] as number) <
      (allocator.blocks.address[third as number] as number),
  );
  assert.equal(allocator.reservedBytes, 180 * MIB);
});

Deno.test("the best fit prefers a hole to the end that can grow", () => {
  const allocator = expandable();
  const [first] = [35 * MIB, MIB + 512].map((bytes) => allocator.malloc(bytes));
  // Free: 35 MiB below, and 40 - 36 = 4 MiB at the end, which could grow.
  allocator.free(first as number);
  const block = allocator.malloc(2 * MIB);
  assert.equal(allocator.blocks.address[block], 0);
});

Deno.test("a cap is asked with the request, and the pages that are mapped for it may end beyond", () => {
  const setup = { expandableSegments: true, allowedBytes: 95 * MIB };
  const capped = new CachingAllocator({ ...setup, deviceBytes: 2 ** 30 });
  assert.notEqual(capped.malloc(90 * MIB), NONE);
  assert.equal(capped.reservedBytes, 100 * MIB);
  // Where the driver itself has no more, it cannot map them.
  const full = new CachingAllocator({ ...setup, deviceBytes: 95 * MIB });
  assert.equal(full.malloc(90 * MIB), NONE);
});

Deno.test("under a cap a segment has addresses for the whole device", () => {
  const allocator = new CachingAllocator({
    expandableSegments: true,
    deviceBytes: 2 ** 30,
    allowedBytes: 200 * MIB,
  });
  const blocks = [100, 20, 60].map((size) => allocator.malloc(size * MIB));
  allocator.free(blocks[0] as number);
  // No room below, as the second block stays: pages above the third, though the cap leaves no addresses beyond it.
  const large = allocator.malloc(110 * MIB);
  const { address, prev } = allocator.blocks;
  assert.ok((address[large] as number) > (address[blocks[2] as number] as number));
  assert.equal(prev[large], blocks[2]);
});
