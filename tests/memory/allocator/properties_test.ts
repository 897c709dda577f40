import assert from "node:assert/strict";
import fc from "fast-check";
import { CachingAllocator } from "../../../lib/memory/allocator/allocator.ts";
import { NONE, PENDING } from "../../../lib/memory/allocator/blocks.ts";
import {
  type AllocatorOptions,
  LARGE_SEGMENT_UNITS,
  roundedUnits,
  segmentUnits,
  SMALL_SEGMENT_UNITS,
  SMALL_UNITS,
} from "../../../lib/memory/allocator/rules.ts";
import { assertInvariants } from "./invariants.ts";

const MIB = 2 ** 20;
const SEEDED = { seed: 20260727, numRuns: 300 };

/** Sizes around every boundary of the rules, and any others. */
const bytes = fc.oneof(
  fc.integer({ min: 1, max: 4096 }),
  fc.integer({ min: MIB - 1024, max: MIB + 1024 }),
  fc.integer({ min: MIB, max: 24 * MIB }),
  fc.integer({ min: 10 * MIB - 1024, max: 10 * MIB + 1024 }),
  fc.integer({ min: 1, max: 80 * MIB }),
);

type Step =
  | { readonly kind: "malloc"; readonly bytes: number; readonly stream: number }
  | { readonly kind: "free" | "record"; readonly which: number }
  | { readonly kind: "empty" | "synchronize" };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant("malloc" as const),
      bytes,
      stream: fc.integer({ min: 0, max: 1 }),
    }),
  },
  {
    weight: 9,
    arbitrary: fc.record({ kind: fc.constant("free" as const), which: fc.nat() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("record" as const), which: fc.nat() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom("empty" as const, "synchronize" as const) }),
  },
);

const options: fc.Arbitrary<AllocatorOptions> = fc.record({
  deviceBytes: fc.constantFrom(Infinity, 200 * MIB, 500 * MIB + 12345),
  allowedBytes: fc.constantFrom(Infinity, 333 * MIB),
  expandableSegments: fc.boolean(),
  maxSplitBytes: fc.constantFrom(Infinity, 32 * MIB),
  garbageCollectionThreshold: fc.constantFrom(0, 0.5),
});

/** Runs the steps; calls `check` after each with the blocks that are held. */
function play(
  allocator: CachingAllocator,
  steps: readonly Step[],
  check: (live: readonly number[], step: Step, result: number) => void = () => {},
): number[] {
  const live: number[] = [];
  /** Freed blocks that may wait for a stream still. */
  const held = new Set<number>();
  const recorded = new Set<number>();
  for (const item of steps) {
    let result = 0;
    if (item.kind === "malloc") {
      result = allocator.malloc(item.bytes, item.stream);
      if (result !== NONE) live.push(result);
    } else if (item.kind === "free" && live.length > 0) {
      const [block] = live.splice(item.which % live.length, 1) as [number];
      allocator.free(block);
      if (recorded.delete(block)) held.add(block);
    } else if (item.kind === "record" && live.length > 0) {
      const block = live[item.which % live.length] as number;
      recorded.add(block);
      allocator.recordStream(block);
    } else if (item.kind === "empty") {
      allocator.emptyCache();
    } else if (item.kind === "synchronize") {
      allocator.synchronize();
    }
    for (const block of held) if (allocator.blocks.state[block] !== PENDING) held.delete(block);
    check([...live, ...held], item, result);
  }
  return live;
}

Deno.test("blocks never overlap, coalesce, and add up, whatever is asked", () => {
  fc.assert(
    fc.property(options, fc.array(step, { maxLength: 80, size: "max" }), (setup, steps) => {
      const allocator = new CachingAllocator(setup);
      play(allocator, steps, (live) => assertInvariants(allocator, live));
    }),
    SEEDED,
  );
});

Deno.test("memory runs out only when nothing fits after the cache was returned", () => {
  fc.assert(
    fc.property(
      options,
      fc.array(step, { maxLength: 80, size: "max" }),
      (setup, steps) => {
        const allocator = new CachingAllocator({ ...setup, maxSplitBytes: Infinity });
        play(allocator, steps, (_, item, result) => {
          if (item.kind !== "malloc" || result !== NONE) return;
          const units = roundedUnits(item.bytes);
          const segment = segmentUnits(units);
          const { free, small } = allocator.pool(2 * item.stream + (units <= SMALL_UNITS ? 0 : 1));
          assert.equal(free.bestFit(units), NONE, "a cached block would have done");
          const page = small ? SMALL_SEGMENT_UNITS : LARGE_SEGMENT_UNITS;
          // Pages may start within a cached block, so that one more than the request has can be missing.
          const needed = setup.expandableSegments ? units + page : segment;
          assert.ok(
            allocator.reservedUnits + segment > allocator.allowedUnits ||
              allocator.reservedUnits + needed > allocator.deviceUnits,
            "the device had room",
          );
          for (const block of free.all()) {
            assert.ok(setup.expandableSegments || !allocator.blocks.isWhole(block));
          }
        });
      },
    ),
    SEEDED,
  );
});

Deno.test("when everything is freed and returned, nothing is left", () => {
  fc.assert(
    fc.property(options, fc.array(step, { maxLength: 60, size: "max" }), (setup, steps) => {
      const allocator = new CachingAllocator(setup);
      for (const block of play(allocator, steps)) allocator.free(block);
      allocator.emptyCache();
      assert.equal(allocator.allocatedBytes, 0);
      assert.equal(allocator.reservedBytes, 0);
      const peak = allocator.peakReservedBytes;
      allocator.emptyCache();
      assert.equal(allocator.reservedBytes, 0);
      assert.equal(allocator.peakReservedBytes, peak);
    }),
    SEEDED,
  );
});

Deno.test("a reset allocator does what a new one does, and resetting twice changes nothing", () => {
  fc.assert(
    fc.property(options, fc.array(step, { maxLength: 50, size: "max" }), (setup, steps) => {
      const used = new CachingAllocator(setup);
      play(used, steps);
      used.reset();
      used.reset();
      const fresh = new CachingAllocator(setup);
      const placesOf = (allocator: CachingAllocator) => {
        const places: number[] = [];
        play(allocator, steps, (_, item, result) => {
          if (item.kind !== "malloc" || result === NONE) return;
          places.push(allocator.blocks.address[result] as number);
        });
        const { peakReservedBytes, peakAllocatedBytes, retries } = allocator;
        return { places, peakReservedBytes, peakAllocatedBytes, retries };
      };
      assert.deepEqual(placesOf(used), placesOf(fresh));
    }),
    SEEDED,
  );
});
