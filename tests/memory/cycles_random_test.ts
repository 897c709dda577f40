import assert from "node:assert/strict";
import fc from "fast-check";
import { CachingAllocator } from "../../lib/memory/allocator/allocator.ts";
import { NONE } from "../../lib/memory/allocator/blocks.ts";
import type { DevicePass } from "../../lib/memory/device_passes.ts";
import { findPeriod } from "../../lib/memory/period.ts";
import { playEvents } from "../../lib/memory/play.ts";
import { playPeriod } from "../../lib/memory/cycles.ts";
import { ALLOCATE, FREE_OWN, KIND_BITS } from "../../lib/trace/recording.ts";

/** A tensor of every layer. */
interface LayerTensor {
  readonly size: number;
  readonly stream: number;
  /** When it is freed, in steps of a layer: beyond one layer in the next one, or never. */
  readonly until: number;
}

const STEPS = 12;

/** Layers that allocate one tensor a step, and free what is due before it. */
function passOf(tensors: readonly LayerTensor[], layers: number): DevicePass {
  const events: number[] = [];
  const sizeOf: number[] = [];
  const streamOf: number[] = [];
  const due: number[][] = [];
  for (let layer = 0; layer < layers; layer++) {
    for (const [step, { size, stream, until }] of tensors.entries()) {
      const now = layer * tensors.length + step;
      for (const index of due[now] ?? []) events.push(index << KIND_BITS | FREE_OWN);
      events.push(sizeOf.length << KIND_BITS | ALLOCATE);
      if (until <= 2 * STEPS) (due[now + until] ??= []).push(sizeOf.length);
      sizeOf.push(size);
      streamOf.push(stream);
    }
  }
  return {
    phase: "decode",
    step: 5,
    events: Int32Array.from(events),
    sizeOf: Int32Array.from(sizeOf),
    streamOf: Int32Array.from(streamOf),
    earlier: new Int32Array(0),
  };
}

/** What can be seen of an allocator: its counts, and what every cached block looks like. */
function seen(allocator: CachingAllocator) {
  const { peakAllocatedUnits, allocatedUnits, peakReservedUnits, reservedUnits, retries } =
    allocator;
  const { size, address } = allocator.blocks;
  const cached = allocator.pools.map(({ free }) =>
    free.all().map((block) => [size[block], address[block]]).sort()
  );
  return { peakAllocatedUnits, allocatedUnits, peakReservedUnits, reservedUnits, retries, cached };
}

Deno.test("random layers leave an allocator as the plain replay does", () => {
  let periodic = 0;
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          size: fc.integer({ min: 1, max: 9 }),
          stream: fc.constantFrom(0, 0, 1),
          until: fc.oneof(
            { weight: 12, arbitrary: fc.integer({ min: 1, max: 2 * STEPS }) },
            { weight: 1, arbitrary: fc.constant(100) },
          ),
        }),
        { minLength: STEPS, maxLength: STEPS },
      ),
      // Units of each size: of the small pool, of shared segments and of segments of their own.
      fc.array(
        fc.oneof(
          fc.constant(0),
          fc.integer({ min: 1, max: 2048 }),
          fc.integer({ min: 300, max: 700 }),
          fc.integer({ min: 2049, max: 20000 }),
          fc.integer({ min: 20480, max: 90000 }),
        ),
        { minLength: 10, maxLength: 10 },
      ),
      fc.array(fc.nat(400), { maxLength: 30 }),
      fc.boolean(),
      fc.constantFrom(Infinity, 1, 0.995, 0.99, 0.97, 0.95),
      (tensors, sizes, holes, expandableSegments, part) => {
        const pass = passOf(tensors, 30);
        const period = findPeriod(pass);
        if (period === undefined) return;
        periodic++;
        const units = Int32Array.from(sizes);
        const run = (deviceBytes: number, plainly: boolean) => {
          const allocator = new CachingAllocator({ expandableSegments, deviceBytes });
          // What stood before leaves holes between what stays.
          const before = holes.map((hole, index) =>
            allocator.mallocUnits(100 + hole * (index % 7))
          );
          for (const [index, block] of before.entries()) {
            if (index % 2 === 0 && block !== NONE) allocator.free(block);
          }
          const own = new Int32Array(pass.sizeOf.length);
          const playing = { pass, allocator, units, own, columns: [own] };
          const isServed = plainly
            ? playEvents(playing, 0, pass.events.length)
            : playPeriod(playing, period);
          return { isServed, ...seen(allocator) };
        };
        const free = run(80e9, true);
        const limit = part === Infinity ? 80e9 : Math.floor(part * free.peakReservedUnits) * 512;
        assert.deepEqual(run(limit, false), run(limit, true));
      },
    ),
    { seed: 20261126, numRuns: 600 },
  );
  assert.ok(periodic > 450, String(periodic));
});
