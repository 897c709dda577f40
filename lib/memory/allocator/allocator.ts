/**
 * PyTorch's CUDA caching allocator of one device, rule by rule. It is exact in what it counts (allocated, reserved,
 * retries, running out of memory) given the order of the addresses that the driver hands out (see `addresses.ts`).
 */
import { SegmentAddresses } from "./addresses.ts";
import { ALLOCATED, Blocks, FREE, NONE, PENDING } from "./blocks.ts";
import { ExpandableSegments } from "./expandable.ts";
import { GRAPH_POOL } from "../../trace/trace.ts";
import { collectGarbage } from "./garbage.ts";
import { releaseOversize } from "./oversize.ts";
import { PendingBlocks } from "./pending.ts";
import { makePool, type Pool } from "./pool.ts";
import {
  type AllocatorOptions,
  LARGE_SEGMENT_UNITS,
  MAX_UNITS,
  roundedUnits,
  segmentUnits,
  SMALL_UNITS,
  UNIT_BYTES,
} from "./rules.ts";

export class CachingAllocator {
  readonly blocks = new Blocks();
  readonly pools: Pool[] = [];
  /** Units of `cudaMalloc` and of mapped pages. */
  reservedUnits = 0;
  peakReservedUnits = 0;
  allocatedUnits = 0;
  peakAllocatedUnits = 0;
  /** `num_alloc_retries`: times that all cached segments had to be returned. */
  retries = 0;
  /** Units that were returned in them. */
  returnedUnits = 0;
  /** `num_device_alloc`: segments made, or pages mapped. */
  deviceAllocations = 0;
  /** Units of the segment that the request needed which failed last. */
  failedUnits = 0;
  readonly deviceUnits: number;
  readonly allowedUnits: number;
  readonly maxSplitUnits: number = MAX_UNITS;
  readonly garbageThreshold: number = 0;
  readonly #expandable: ExpandableSegments | undefined;
  /** Blocks that another stream used, and those of them that the program has freed. */
  readonly #usedElsewhere = new Set<number>();
  readonly pending = new PendingBlocks();
  readonly #addresses = new SegmentAddresses();

  constructor(options: AllocatorOptions = {}) {
    this.deviceUnits = unitsWithin(options.deviceBytes);
    this.allowedUnits = unitsWithin(options.allowedBytes);
    if (options.expandableSegments) this.#expandable = new ExpandableSegments(this);
    else {
      this.maxSplitUnits = unitsWithin(options.maxSplitBytes);
      this.garbageThreshold = options.garbageCollectionThreshold ?? 0;
    }
  }

  get isExpandable(): boolean {
    return this.#expandable !== undefined;
  }

  get allocatedBytes(): number {
    return this.allocatedUnits * UNIT_BYTES;
  }

  /** `torch.cuda.max_memory_allocated` */
  get peakAllocatedBytes(): number {
    return this.peakAllocatedUnits * UNIT_BYTES;
  }

  get reservedBytes(): number {
    return this.reservedUnits * UNIT_BYTES;
  }

  /** `torch.cuda.max_memory_reserved` */
  get peakReservedBytes(): number {
    return this.peakReservedUnits * UNIT_BYTES;
  }

  /** `reset_peak_memory_stats` */
  resetPeaks(): void {
    this.peakAllocatedUnits = this.allocatedUnits;
    this.peakReservedUnits = this.reservedUnits;
  }

  /** @returns The block for `free`, or `NONE` when the device is out of memory. */
  malloc(bytes: number, stream = 0): number {
    return this.mallocUnits(roundedUnits(bytes), stream);
  }

  /** `malloc` of a size that was rounded already. */
  mallocUnits(units: number, stream = 0): number {
    if (stream > 0 && this.pending.lag > 0) {
      for (const block of this.pending.takeDue()) this.cache(block);
    }
    const pool = this.pool(2 * stream + (units <= SMALL_UNITS ? 0 : 1));
    let cached = this.find(pool, units);
    if (cached === NONE) {
      // A segment made for the request joins the free list for a moment, so that there is one way to take a block.
      cached = this.#makeRoom(pool, units);
      if (cached === NONE) return NONE;
    }
    return this.take(pool, cached, units);
  }

  /** Takes the first `units` of a cached block that `find` gave. */
  take({ free, splitFrom, searches }: Pool, cached: number, units: number): number {
    const { blocks } = this;
    const size = blocks.size[cached] as number;
    let block = cached;
    if (size - units >= splitFrom && units < this.maxSplitUnits) {
      block = blocks.splitFront(cached, units, ALLOCATED);
      if (this.garbageThreshold > 0) blocks.cachedAt[cached] = searches;
      free.resized(cached, size);
      this.allocatedUnits += units;
    } else {
      free.remove(cached);
      blocks.state[cached] = ALLOCATED;
      this.allocatedUnits += size;
    }
    if (this.allocatedUnits > this.peakAllocatedUnits) {
      this.peakAllocatedUnits = this.allocatedUnits;
    }
    return block;
  }

  free(block: number): void {
    const { blocks } = this;
    if (blocks.state[block] !== ALLOCATED) {
      throw new Error(`Cannot free block ${block}: not allocated`);
    }
    this.allocatedUnits -= blocks.size[block] as number;
    if (this.#usedElsewhere.size > 0 && this.#usedElsewhere.delete(block)) {
      blocks.state[block] = PENDING;
      this.pending.add(block);
      return;
    }
    this.cache(block);
  }

  /** `record_stream`: another stream works on the block, so that a later `free` waits for `synchronize`. */
  recordStream(block: number): void {
    this.#usedElsewhere.add(block);
  }

  /** All streams have done what was asked of them: blocks that waited for one are cached. */
  synchronize(): void {
    for (const block of this.pending.takeAll()) this.cache(block);
  }

  /** `empty_cache`: returns every segment, or page, without a block in use. */
  emptyCache(): void {
    this.synchronize();
    for (const pool of this.pools) {
      // A graph that may be replayed owns its pool.
      if (pool.index >> 1 === GRAPH_POOL) continue;
      if (this.#expandable !== undefined) this.#expandable.unmap(pool);
      else {
        for (const block of pool.free.all()) if (this.blocks.isWhole(block)) this.release(block);
      }
    }
  }

  /** As new, but for what it was set up with. */
  reset(): void {
    this.blocks.clear();
    for (const pool of this.pools) {
      pool.free.clear();
      pool.searches = pool.growths = 0;
    }
    this.#expandable?.clear();
    this.#usedElsewhere.clear();
    this.pending.clear();
    this.reservedUnits =
      this.allocatedUnits =
      this.peakReservedUnits =
      this.peakAllocatedUnits =
        0;
    this.retries =
      this.returnedUnits =
      this.deviceAllocations =
      this.failedUnits =
        0;
    this.#addresses.clear();
  }

  /** The pool of an index; see `makePool`. */
  pool(index: number): Pool {
    while (this.pools.length <= index) {
      this.pools.push(makePool(this.pools.length, this.blocks, this.#expandable !== undefined));
    }
    return this.pools[index] as Pool;
  }

  /** Puts a block that is no longer used into its free list, one with its free neighbours. */
  cache(block: number): void {
    const { blocks } = this;
    const { prev, next, state } = blocks;
    const pool = this.pools[blocks.pool[block] as number] as Pool;
    const { free } = pool;
    const before = prev[block] as number;
    const after = next[block] as number;
    const mergesBefore = before !== NONE && state[before] === FREE;
    const mergesAfter = after !== NONE && state[after] === FREE;
    state[block] = FREE;
    if (this.garbageThreshold > 0) blocks.cachedAt[mergesBefore ? before : block] = pool.searches;
    if (mergesAfter) free.remove(after);
    if (mergesBefore) {
      const size = blocks.size[before] as number;
      blocks.mergeNext(before);
      if (mergesAfter) blocks.mergeNext(before);
      free.resized(before, size);
    } else {
      if (mergesAfter) blocks.mergeNext(block);
      free.insert(block);
    }
  }

  /** Whether a request that no cached block serves is sure to get memory without anything being returned for it. */
  canGrow(units: number): boolean {
    const segment = segmentUnits(units);
    // Pages of expandable segments may end up to one beyond.
    return this.reservedUnits + segment <= this.allowedUnits &&
      this.hasRoom(segment + LARGE_SEGMENT_UNITS);
  }

  /** Whether the driver and the cap have room for so many units more. */
  hasRoom(units: number): boolean {
    return this.reservedUnits + units <= this.deviceUnits;
  }

  /** Counts what was allocated and freed elsewhere: `most` at its fullest, and `units` more in the end. */
  noteAllocated(units: number, most: number): void {
    const fullest = this.allocatedUnits + most;
    if (fullest > this.peakAllocatedUnits) this.peakAllocatedUnits = fullest;
    this.allocatedUnits += units;
  }

  addReserved(units: number): void {
    this.reservedUnits += units;
    this.deviceAllocations++;
    if (this.reservedUnits > this.peakReservedUnits) this.peakReservedUnits = this.reservedUnits;
  }

  /** `cudaFree` of a cached block that is a whole segment. */
  release(block: number): void {
    const pool = this.pools[this.blocks.pool[block] as number] as Pool;
    pool.free.remove(block);
    const units = this.blocks.size[block] as number;
    this.reservedUnits -= units;
    this.#addresses.release(pool.small, this.blocks.address[block] as number, units);
    this.blocks.drop(block);
  }

  /** `get_free_block`: the best fit, or `NONE`. */
  find(pool: Pool, units: number): number {
    const { free } = pool;
    if (this.garbageThreshold > 0) pool.searches++;
    let block = free.bestFit(units);
    if (block === NONE) return NONE;
    if (this.#expandable !== undefined) block = this.#expandable.prefer(free, block);
    const oversize = this.maxSplitUnits;
    if (oversize === MAX_UNITS) return block;
    const size = this.blocks.size[block] as number;
    if (units < oversize ? size >= oversize : size >= units + LARGE_SEGMENT_UNITS) return NONE;
    return block;
  }

  /** What `malloc` does when no cached block serves: a new segment, if need be after returning cached ones, or `NONE`. */
  #makeRoom(pool: Pool, units: number): number {
    pool.growths++;
    if (this.garbageThreshold > 0) collectGarbage(this);
    const segment = segmentUnits(units);
    let block = this.#allocate(pool, units, segment);
    if (block === NONE && releaseOversize(this, pool, units)) {
      block = this.#allocate(pool, units, segment);
    }
    if (block !== NONE) return block;
    const reserved = this.reservedUnits;
    this.emptyCache();
    this.returnedUnits += reserved - this.reservedUnits;
    this.retries++;
    block = this.#allocate(pool, units, segment);
    if (block === NONE) this.failedUnits = segment;
    return block;
  }

  /** `alloc_block` */
  #allocate(pool: Pool, units: number, segment: number): number {
    // The cap counts the segment that fixed segments would need, even where only pages are mapped.
    if (this.reservedUnits + segment > this.allowedUnits) return NONE;
    if (this.#expandable !== undefined) return this.#expandable.allocate(pool, units);
    if (!this.hasRoom(segment)) return NONE;
    const address = this.#addresses.next(pool.small, segment);
    const block = this.blocks.add(address, segment, pool.index, FREE);
    pool.free.insert(block);
    this.addReserved(segment);
    return block;
  }
}

function unitsWithin(bytes = Infinity): number {
  return Math.max(0, Math.min(MAX_UNITS, Math.floor(bytes / UNIT_BYTES)));
}
