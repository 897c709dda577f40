import assert from "node:assert/strict";
import fc from "fast-check";
import { Blocks, FREE } from "../../../lib/memory/allocator/blocks.ts";
import { FreeList } from "../../../lib/memory/allocator/free_list.ts";

/** What a free list has to hold: its blocks by size, then by address. */
function ordered(held: ReadonlySet<number>, { size, address }: Blocks): number[] {
  return [...held].sort((a, b) =>
    (size[a] as number) - (size[b] as number) || (address[a] as number) - (address[b] as number)
  );
}

Deno.test("a free list of hundreds of blocks stays in order, however far a block moves", () => {
  const step = fc.record({
    kind: fc.constantFrom("insert", "remove", "shrink", "grow"),
    part: fc.double({ min: 0, max: 0.999, noNaN: true }),
    size: fc.integer({ min: 1, max: 400 }),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 100, maxLength: 300 }), (steps) => {
      const blocks = new Blocks();
      const list = new FreeList(blocks);
      const held = new Set<number>();
      const add = (size: number) => {
        // Addresses in no order of their own.
        const block = blocks.add(held.size * 7919 % 1009, size, 0, FREE);
        list.insert(block);
        held.add(block);
      };
      for (let i = 0; i < 200; i++) add(1 + i * 31 % 400);
      for (const { kind, part, size } of steps) {
        const index = Math.floor(part * list.length);
        const block = list.at(index);
        const before = blocks.size[block] as number;
        if (kind === "insert") add(size);
        else if (kind === "remove") {
          list.removeAt(index);
          held.delete(block);
        } else if (kind === "shrink") {
          blocks.size[block] = Math.max(1, before - size);
          list.shrink(index);
        } else {
          blocks.size[block] = before + size;
          list.replaceByLarger(index, block);
        }
        const found = Array.from({ length: list.length }, (_, place) => list.at(place));
        const sizes = found.map((_, place) => list.sizeAt(place));
        assert.deepEqual(found.map((each) => blocks.size[each]), sizes);
        const expected = ordered(held, blocks);
        const keys = (list: readonly number[]) =>
          list.map((each) => [blocks.size[each], blocks.address[each]]);
        assert.deepEqual(keys(found), keys(expected));
      }
    }),
    { seed: 20261125, numRuns: 20 },
  );
});
