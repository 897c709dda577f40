/**
 * The loop in which replays spend their time: `playEvents` for what an allocator serves from its cached blocks, with all
 * that an allocation and a free do to them written out. It is the allocator's `take` and `cache` once more, on the same
 * columns, without a call for each part; `tests/memory/serve_test.ts` holds one against the other.
 */
import { ALLOCATE, FREE_OWN, KIND_BITS, KIND_MASK } from "../trace/recording.ts";
import type { CachingAllocator } from "./allocator/allocator.ts";
import { ALLOCATED, FREE, NONE, UNMAPPED } from "./allocator/blocks.ts";
import { classOf, type FreeList, lowestBit, STEP_BITS, STEPS } from "./allocator/free_list.ts";
import { MAX_UNITS, SMALL_UNITS } from "./allocator/rules.ts";
import { playEvents, type Playing } from "./play.ts";

/** What was left out before each event and at the end: what it adds up to at most, and at last. */
export interface Gaps {
  readonly sums: Int32Array;
  readonly peaks: Int32Array;
  /** Place of the gap before the first event. */
  readonly from: number;
}

/** Whether the loop knows all that an allocator would do: blocks that age, limits of splitting and lent blocks are left to it. */
export function canServe({ garbageThreshold, maxSplitUnits, pending }: CachingAllocator): boolean {
  return garbageThreshold === 0 && maxSplitUnits === MAX_UNITS && pending.lag === 0;
}

/** @returns Whether all requests of the events from `from` up to `to` were served. */
export function playRange(playing: Playing, from: number, to: number): boolean {
  const places = placesUpTo(to - from);
  for (let i = 0;; i++) {
    i = serve(playing, from, places, i);
    if (i === places.length) return true;
    if (!playEvents(playing, from + i, from + i + 1)) return false;
  }
}

/** 0, 1, 2 and so on. */
let counting = new Int32Array(0);

function placesUpTo(count: number): Int32Array {
  if (counting.length < count) counting = Int32Array.from({ length: 2 * count }, (_, i) => i);
  return counting.subarray(0, count);
}

/**
 * Plays events from one on, up to the first that the cached blocks do not serve.
 *
 * @param at Place of the first event of the stretch in the pass.
 * @param places Those of its events that are played, from `at` on.
 * @param first Index of the event to begin with, among these.
 * @returns Index of the event that was not played; the number of places when there is none.
 */
export function serve(
  { pass, units, own, columns, allocator }: Playing,
  at: number,
  places: Int32Array,
  first: number,
  gaps?: Gaps,
): number {
  const { events, sizeOf, streamOf, earlier } = pass;
  const { blocks, pools } = allocator;
  const { size, address, prev, next, pool, state, prevFree, nextFree } = blocks;
  let allocated = allocator.allocatedUnits;
  let peak = allocator.peakAllocatedUnits;
  let i = first;
  for (; i < places.length; i++) {
    if (gaps !== undefined) {
      const fullest = allocated + (gaps.peaks[gaps.from + i] as number);
      if (fullest > peak) peak = fullest;
      allocated += gaps.sums[gaps.from + i] as number;
    }
    const event = events[at + (places[i] as number)] as number;
    const index = event >> KIND_BITS;
    if ((event & KIND_MASK) === ALLOCATE) {
      const wanted = units[sizeOf[index] as number] as number;
      if (wanted === 0) {
        own[index] = NONE;
        continue;
      }
      const itsPool = 2 * (streamOf[index] as number) + (wanted <= SMALL_UNITS ? 0 : 1);
      const owner = pools[itsPool];
      if (owner === undefined) break;
      const list = owner.free;
      const wantedClass = classOf(wanted);
      let cached = list.first[wantedClass] as number;
      while (cached !== NONE && (size[cached] as number) < wanted) {
        cached = nextFree[cached] as number;
      }
      if (cached === NONE) cached = list.firstAfter(wantedClass);
      if (cached === NONE) break;
      const after = next[cached] as number;
      // Blocks that could grow are chosen otherwise.
      if (after !== NONE && state[after] === UNMAPPED) break;
      const whole = size[cached] as number;
      const rest = whole - wanted;
      const before = classOf(whole);
      if (rest < owner.splitFrom) {
        unlink(list, prevFree, nextFree, cached, before);
        state[cached] = ALLOCATED;
        own[index] = cached;
        allocated += whole;
      } else {
        const front = blocks.spareRow();
        if (front === NONE) break;
        const start = address[cached] as number;
        const neighbour = prev[cached] as number;
        size[front] = wanted;
        address[front] = start;
        prev[front] = neighbour;
        next[front] = cached;
        pool[front] = itsPool;
        state[front] = ALLOCATED;
        if (neighbour !== NONE) next[neighbour] = front;
        prev[cached] = front;
        address[cached] = start + wanted;
        size[cached] = rest;
        const now = classOf(rest);
        unlink(list, prevFree, nextFree, cached, before);
        link(list, size, address, prevFree, nextFree, cached, now);
        own[index] = front;
        allocated += wanted;
      }
      if (allocated > peak) peak = allocated;
      continue;
    }
    let block: number;
    if ((event & KIND_MASK) === FREE_OWN) block = own[index] as number;
    else {
      const column = columns[columns.length - 1 - (earlier[2 * index] as number)] as Int32Array;
      block = column[earlier[2 * index + 1] as number] as number;
    }
    if (block === NONE) continue;
    if (state[block] !== ALLOCATED) throw new Error(`Cannot free block ${block}: not allocated`);
    const list = (pools[pool[block] as number] as CachingAllocator["pools"][number]).free;
    let freed = size[block] as number;
    allocated -= freed;
    const before = prev[block] as number;
    let after = next[block] as number;
    if (after !== NONE && state[after] === FREE) {
      const its = size[after] as number;
      unlink(list, prevFree, nextFree, after, classOf(its));
      freed += its;
      const beyond = next[after] as number;
      blocks.drop(after);
      after = beyond;
      next[block] = after;
      if (after !== NONE) prev[after] = block;
    }
    if (before !== NONE && state[before] === FREE) {
      const its = size[before] as number;
      unlink(list, prevFree, nextFree, before, classOf(its));
      freed += its;
      next[before] = after;
      if (after !== NONE) prev[after] = before;
      blocks.drop(block);
      block = before;
    } else state[block] = FREE;
    size[block] = freed;
    link(list, size, address, prevFree, nextFree, block, classOf(freed));
  }
  if (gaps !== undefined && i === places.length) {
    const fullest = allocated + (gaps.peaks[gaps.from + i] as number);
    if (fullest > peak) peak = fullest;
    allocated += gaps.sums[gaps.from + i] as number;
  }
  allocator.allocatedUnits = allocated;
  allocator.peakAllocatedUnits = peak;
  return i;
}

function unlink(
  list: FreeList,
  prevFree: Int32Array,
  nextFree: Int32Array,
  block: number,
  itsClass: number,
): void {
  const before = prevFree[block] as number;
  const after = nextFree[block] as number;
  if (after !== NONE) prevFree[after] = before;
  if (before !== NONE) nextFree[before] = after;
  else {
    list.first[itsClass] = after;
    if (after === NONE) list.emptied(itsClass);
  }
}

function link(
  list: FreeList,
  size: Int32Array,
  address: Float64Array,
  prevFree: Int32Array,
  nextFree: Int32Array,
  block: number,
  itsClass: number,
): void {
  let before = NONE;
  let after = list.first[itsClass] as number;
  if (after === NONE) list.filled(itsClass);
  else {
    const its = size[block] as number;
    while (after !== NONE) {
      const other = size[after] as number;
      if (other > its) break;
      if (other === its && (address[after] as number) > (address[block] as number)) break;
      before = after;
      after = nextFree[after] as number;
    }
  }
  nextFree[block] = after;
  prevFree[block] = before;
  if (after !== NONE) prevFree[after] = block;
  if (before === NONE) list.first[itsClass] = block;
  else nextFree[before] = block;
}
