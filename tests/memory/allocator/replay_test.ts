import assert from "node:assert/strict";
import { CachingAllocator } from "../../../lib/memory/allocator/allocator.ts";

interface Recording {
  readonly baseBytes: number;
  readonly peakAllocatedBytes: number;
  readonly addresses: readonly number[];
  readonly events: string;
}

const recording: Recording = JSON.parse(
  Deno.readTextFileSync(
    new URL("../../../fixtures/h100_bloom_560m_allocations.json", import.meta.url),
  ),
);

/** Parameters of BLOOM-560m in the order of `named_parameters()`, in float16. */
function weightBytes(): number[] {
  const hidden = 1024;
  const block = [
    hidden,
    hidden,
    3 * hidden * hidden,
    3 * hidden,
    hidden * hidden,
    hidden,
    hidden,
    hidden,
    4 * hidden * hidden,
    4 * hidden,
    4 * hidden * hidden,
    hidden,
  ];
  const layers = Array.from({ length: 24 }, () => block).flat();
  return [250880 * hidden, hidden, hidden, ...layers, hidden, hidden].map((count) => 2 * count);
}

Deno.test("a recorded generation replays block by block", () => {
  const allocator = new CachingAllocator();
  for (const bytes of weightBytes()) allocator.malloc(bytes);
  assert.equal(allocator.allocatedBytes, 1118429184); // measured after loading
  // The recording began with three small tensors of the caller.
  for (let i = 0; i < 3; i++) allocator.malloc(8);
  assert.equal(allocator.allocatedBytes, recording.baseBytes);
  allocator.resetPeaks();

  const live = new Map<number, number>();
  const simulatedOf = new Map<number, string>();
  const measuredOf = new Map<string, number>();
  let expectedReserved = allocator.reservedBytes;
  for (const event of recording.events.split(" ")) {
    const [address, bytes] = event.slice(1).split(":").map(Number) as [number, number];
    if (event.startsWith("f")) {
      allocator.free(live.get(address) as number);
      live.delete(address);
      continue;
    }
    if (event.startsWith("s")) {
      expectedReserved += bytes;
      continue;
    }
    const block = allocator.malloc(bytes);
    live.set(address, block);
    assert.equal(allocator.reservedBytes, expectedReserved, event);
    // The same place whenever the measured place is the same, another when it is another.
    const place = `${allocator.blocks.pool[block]}:${allocator.blocks.address[block]}`;
    assert.equal(simulatedOf.get(address) ?? place, place, event);
    assert.equal(measuredOf.get(place) ?? address, address, event);
    simulatedOf.set(address, place);
    measuredOf.set(place, address);
  }
  assert.equal(allocator.peakAllocatedBytes, recording.peakAllocatedBytes);
  assert.equal(allocator.retries, 0);
});

Deno.test("distances within a segment are the measured ones", () => {
  const allocator = new CachingAllocator();
  for (const bytes of [...weightBytes(), 8, 8, 8]) allocator.malloc(bytes);
  const live = new Map<number, number>();
  /** Measured minus simulated address, by the segment that the simulated one lies in. */
  const shifts = new Map<number, number>();
  const { blocks } = allocator;
  for (const event of recording.events.split(" ").filter((text) => !text.startsWith("s"))) {
    const [address, bytes] = event.slice(1).split(":").map(Number) as [number, number];
    if (event.startsWith("f")) {
      allocator.free(live.get(address) as number);
      continue;
    }
    const block = allocator.malloc(bytes);
    live.set(address, block);
    let head = block;
    while (blocks.prev[head] !== -1) head = blocks.prev[head] as number;
    const segment = blocks.address[head] as number;
    const shift = (recording.addresses[address] as number) -
      512 * (blocks.address[block] as number);
    assert.equal(shifts.get(segment) ?? shift, shift, event);
    shifts.set(segment, shift);
  }
});
