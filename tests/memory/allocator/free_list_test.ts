import assert from "node:assert/strict";
import fc from "fast-check";
import { Blocks, FREE, NONE } from "../../../lib/memory/allocator/blocks.ts";
import { FreeList } from "../../../lib/memory/allocator/free_list.ts";

/** What a free list has to hold: its blocks by size, then by address. */
function ordered(held: ReadonlySet<number>, { size, address }: Blocks): number[] {
  return [...held].sort((a, b) =>
    (size[a] as number) - (size[b] as number) || (address[a] as number) - (address[b] as number)
  );
}

/** Sizes of every class: single units, many of one class, and the largest there can be. */
const size = fc.oneof(
  fc.integer({ min: 1, max: 20 }),
  fc.integer({ min: 1, max: 400 }),
  fc.integer({ min: 2 ** 20, max: 2 ** 20 + 40 }),
  fc.integer({ min: 1, max: 2 ** 30 }),
);

Deno.test("the best fit is the smallest block that is large enough, the lowest among equals", () => {
  const step = fc.record({
    kind: fc.constantFrom("insert", "remove", "resize"),
    which: fc.nat(),
    size,
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 50, maxLength: 200 }), (steps) => {
      const blocks = new Blocks();
      const list = new FreeList(blocks);
      const held = new Set<number>();
      let count = 0;
      for (const { kind, which, size } of steps) {
        const block = [...held][which % Math.max(1, held.size)];
        if (kind === "insert" || block === undefined) {
          // Addresses in no order of their own.
          const added = blocks.add(count++ * 7919 % 1009, size, 0, FREE);
          list.insert(added);
          held.add(added);
        } else if (kind === "remove") {
          list.remove(block);
          held.delete(block);
        } else {
          const before = blocks.size[block] as number;
          blocks.size[block] = size;
          list.resized(block, before);
        }
        const expected = ordered(held, blocks);
        assert.deepEqual(list.all().sort(), [...held].sort());
        const key = (block: number | undefined) =>
          block === undefined || block === NONE
            ? NONE
            : [blocks.size[block], blocks.address[block]];
        for (const asked of [1, size - 1, size, size + 1, 2 * size]) {
          const fit = expected.find((each) => (blocks.size[each] as number) >= asked);
          assert.deepEqual(key(list.bestFit(asked)), key(fit));
        }
        const after = expected.findIndex((each) => each === block);
        if (block !== undefined && after !== -1) {
          assert.deepEqual(key(list.after(block)), key(expected[after + 1]));
        }
      }
    }),
    { seed: 20261125, numRuns: 40 },
  );
});
