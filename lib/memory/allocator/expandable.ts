/**
 * Expandable segments: one range of addresses per pool, behind which pages are mapped as it grows and from which
 * empty pages are unmapped when memory runs out. Pages have 2 MiB in a small pool and 20 MiB in a large one.
 */
import type { CachingAllocator } from "./allocator.ts";
import type { Pool } from "./pool.ts";
import { FREE, NONE, UNMAPPED } from "./blocks.ts";
import type { FreeList } from "./free_list.ts";
import { LARGE_SEGMENT_UNITS, MAX_UNITS, SMALL_SEGMENT_UNITS } from "./rules.ts";

export class ExpandableSegments {
  readonly #allocator: CachingAllocator;
  /** Unmapped blocks of each pool, by address. */
  readonly #unmapped: number[][] = [];
  #nextAddress = 0;

  constructor(allocator: CachingAllocator) {
    this.#allocator = allocator;
  }

  clear(): void {
    this.#unmapped.length = 0;
    this.#nextAddress = 0;
  }

  /**
   * A cached block that can grow counts with the size that it could grow to, so the best fit moves on to larger
   * blocks that cannot.
   */
  prefer(free: FreeList, block: number): number {
    let best = block;
    // One that cannot grow is followed by larger ones: none of them could grow to less.
    while (this.#allocator.blocks.canGrow(best)) {
      const after = free.after(best);
      if (after === NONE || this.#couldGrowTo(after) >= this.#couldGrowTo(best)) break;
      best = after;
    }
    return best;
  }

  /** `try_allocate_expandable_block`: a cached block of at least `units`, with pages mapped for it, or `NONE`. */
  allocate(pool: Pool, units: number): number {
    const { blocks } = this.#allocator;
    let candidate = this.#find(pool, units);
    if (blocks.state[candidate] === UNMAPPED) {
      candidate = this.#map(pool, candidate, Math.min(blocks.size[candidate] as number, units));
    }
    while (candidate !== NONE && (blocks.size[candidate] as number) < units) {
      const missing = units - (blocks.size[candidate] as number);
      const after = blocks.next[candidate] as number;
      candidate = this.#map(pool, after, Math.min(missing, blocks.size[after] as number));
    }
    return candidate;
  }

  /** `unmap_block` of each cached block: the pages that lie wholly within it. */
  unmap(pool: Pool): void {
    const { blocks } = this.#allocator;
    const page = pageUnits(pool);
    for (const block of pool.free.all()) {
      const start = blocks.address[block] as number;
      const end = start + (blocks.size[block] as number);
      // Segments begin at multiples of both page sizes.
      const from = Math.ceil(start / page) * page;
      const to = Math.floor(end / page) * page;
      if (from >= to) continue;
      pool.free.remove(block);
      if (from > start) pool.free.insert(blocks.splitFront(block, from - start, FREE));
      let pages = block;
      if (to < end) {
        pages = blocks.splitFront(block, to - from, UNMAPPED);
        pool.free.insert(block);
      }
      blocks.state[pages] = UNMAPPED;
      this.#allocator.reservedUnits -= to - from;
      this.#noteUnmapped(pool, pages);
    }
  }

  #couldGrowTo(block: number): number {
    const { next, size, state } = this.#allocator.blocks;
    const after = next[block] as number;
    const room = after !== NONE && state[after] === UNMAPPED ? size[after] as number : 0;
    return (size[block] as number) + room;
  }

  /** `find_expandable_block`: the lowest free or unmapped block from which on `units` of addresses are free. */
  #find(pool: Pool, units: number): number {
    const { blocks } = this.#allocator;
    const unmapped = this.#unmapped[pool.index] ??= [];
    for (const block of unmapped) {
      const before = blocks.prev[block] as number;
      const first = before !== NONE && blocks.state[before] === FREE ? before : block;
      let room = 0;
      for (let at = first; at !== NONE && room < units; at = blocks.next[at] as number) {
        if (blocks.state[at] !== FREE && blocks.state[at] !== UNMAPPED) break;
        room += blocks.size[at] as number;
      }
      if (room >= units) return first;
    }
    return this.#reserveAddresses(pool);
  }

  /** A new segment: addresses for the memory of the device and an eighth more. */
  #reserveAddresses(pool: Pool): number {
    const { blocks, deviceUnits } = this.#allocator;
    const page = pageUnits(pool);
    const wanted = Math.min(MAX_UNITS - page, deviceUnits + Math.floor(deviceUnits / 8));
    const size = Math.ceil(wanted / page) * page;
    const block = blocks.add(this.#nextAddress, size, pool.index, UNMAPPED);
    this.#nextAddress += Math.ceil(size / LARGE_SEGMENT_UNITS) * LARGE_SEGMENT_UNITS;
    (this.#unmapped[pool.index] ??= []).push(block);
    return block;
  }

  /** `map_block`: maps the pages of the first `units`; the block that they are part of then, or `NONE`. */
  #map(pool: Pool, block: number, units: number): number {
    const { blocks } = this.#allocator;
    const page = pageUnits(pool);
    const mapped = Math.ceil(units / page) * page;
    if (!this.#allocator.hasRoom(mapped)) return NONE;
    const unmapped = this.#unmapped[pool.index] as number[];
    const place = unmapped.indexOf(block);
    let pages = block;
    if (mapped < (blocks.size[block] as number)) pages = blocks.splitFront(block, mapped, FREE);
    else unmapped.splice(place, 1);
    this.#allocator.addReserved(mapped);
    // Cached like a block that was freed: one with its free neighbours.
    const before = blocks.prev[pages] as number;
    const joined = before !== NONE && blocks.state[before] === FREE ? before : pages;
    this.#allocator.cache(pages);
    return joined;
  }

  /** Adds an unmapped block to those of its pool, one with its unmapped neighbours. */
  #noteUnmapped({ index }: Pool, block: number): void {
    const { blocks } = this.#allocator;
    const unmapped = this.#unmapped[index] as number[];
    const after = blocks.next[block] as number;
    if (after !== NONE && blocks.state[after] === UNMAPPED) {
      unmapped.splice(unmapped.indexOf(after), 1);
      blocks.mergeNext(block);
    }
    const before = blocks.prev[block] as number;
    if (before !== NONE && blocks.state[before] === UNMAPPED) {
      blocks.mergeNext(before);
      return;
    }
    const address = blocks.address[block] as number;
    const place = unmapped.findIndex((other) => (blocks.address[other] as number) > address);
    unmapped.splice(place === -1 ? unmapped.length : place, 0, block);
  }
}

function pageUnits({ small }: Pool): number {
  return small ? SMALL_SEGMENT_UNITS : LARGE_SEGMENT_UNITS;
}
