/**
 * The loop in which replays spend their time: `playEvents` for what an allocator serves from its cached blocks, with all
 * that an allocation and a free do to them written out. It is the allocator's `take` and `cache` once more, on the same
 * columns, without a call for each part; `tests/memory/cycles_test.ts` holds one against the other.
 */
import { ALLOCATE, FREE_OWN, KIND_BITS, KIND_MASK } from "../trace/recording.ts";
import type { CachingAllocator } from "./allocator/allocator.ts";
import { ALLOCATED, FREE, NONE, UNMAPPED } from "./allocator/blocks.ts";
import { classOf, type FreeList, STEP_BITS, STEPS } from "./allocator/free_list.ts";
import type { Pool } from "./allocator/pool.ts";
import { MAX_UNITS, SMALL_UNITS } from "./allocator/rules.ts";
import { playEvents, type Playing } from "./play.ts";

/** What was left out before each event and at the end: what it adds up to at most, and at last. */
export interface Gaps {
  readonly sums: Int32Array;
  readonly peaks: Int32Array;
  /** Place of the gap before the first event. */
  readonly from: number;
}

/** Where to note what each event did: its pool, and the units that it took or gave back. */
export interface Record {
  readonly pools: Uint8Array;
  readonly changes: Int32Array;
  /** Place in `changes` of the first event of the stretch. */
  readonly from: number;
}

const NO_GAPS: Gaps = { sums: new Int32Array(0), peaks: new Int32Array(0), from: 0 };

/** Whether the loop knows all that an allocator would do: blocks that age and limits of splitting are left to it. */
export function canServe({ garbageThreshold, maxSplitUnits }: CachingAllocator): boolean {
  return garbageThreshold === 0 && maxSplitUnits === MAX_UNITS;
}

/** @returns Whether all requests of the events from `from` up to `to` were served. */
export function playRange(playing: Playing, from: number, to: number): boolean {
  const places = placesUpTo(to - from);
  // What a stream lends comes in bursts.
  const burst = playing.allocator.pending.lag > 0 ? 4 : 1;
  for (let i = 0;;) {
    i = serve(playing, from, places, i);
    if (i === places.length) return true;
    const end = Math.min(i + burst, places.length);
    if (!playEvents(playing, from + i, from + end)) return false;
    i = end;
  }
}

let counting = new Int32Array(0);

/** 0, 1, 2 and so on. */
export function placesUpTo(count: number): Int32Array {
  if (counting.length < count) counting = Int32Array.from({ length: 2 * count }, (_, i) => i);
  return counting.subarray(0, count);
}

/**
 * Plays events from one on, up to the first that the cached blocks do not serve. Nothing is called in the loop: a call
 * would cost as much as an event.
 *
 * @param at Place of the first event of the stretch in the pass.
 * @param places Those of its events that are played, from `at` on.
 * @param begin Index of the event to begin with, among these.
 * @returns Index of the event that was not played; the number of places when there is none.
 */
export function serve(
  { pass, units, own, columns, allocator }: Playing,
  at: number,
  places: Int32Array,
  begin: number,
  gaps?: Gaps,
  record?: Record,
): number {
  const { events, sizeOf, streamOf, earlier } = pass;
  const { blocks, pools } = allocator;
  const { size, address, prev, next, pool, state, prevFree, nextFree } = blocks;
  const { sums, peaks, from } = gaps ?? NO_GAPS;
  const hasGaps = gaps !== undefined;
  const lastColumn = columns.length - 1;
  // Where blocks come back late, streams that lend are left to the allocator; the first one, with two pools, lends none.
  const served = allocator.pending.lag > 0 ? Math.min(2, pools.length) : pools.length;
  let { unused, rows } = blocks;
  let allocated = allocator.allocatedUnits;
  let peak = allocator.peakAllocatedUnits;
  let i = begin;
  for (; i < places.length; i++) {
    if (hasGaps) {
      const fullest = allocated + (peaks[from + i] as number);
      if (fullest > peak) peak = fullest;
      allocated += sums[from + i] as number;
    }
    const place = places[i] as number;
    const event = events[at + place] as number;
    const index = event >> KIND_BITS;
    const kind = event & KIND_MASK;
    // The cached block that is new, or has another size.
    let changed: number;
    let list: FreeList;
    if (kind === ALLOCATE) {
      const wanted = units[sizeOf[index] as number] as number;
      if (wanted === 0) {
        own[index] = NONE;
        continue;
      }
      const itsPool = 2 * (streamOf[index] as number) + (wanted <= SMALL_UNITS ? 0 : 1);
      if (itsPool >= served) break;
      const owner = pools[itsPool] as Pool;
      list = owner.free;
      const { first, steps } = list;
      // The best fit; one that can grow counts with what it could grow to, so that the next one may be better.
      let itsClass = NONE;
      let cached = NONE;
      let couldBe = MAX_UNITS;
      let later = classOf(wanted);
      let candidate = first[later] as number;
      while (candidate !== NONE && (size[candidate] as number) < wanted) {
        candidate = nextFree[candidate] as number;
      }
      for (;;) {
        if (candidate === NONE) {
          // The first of a later class.
          let power = later >> STEP_BITS;
          let bits = (steps[power] as number) & -2 << (later & STEPS - 1);
          if (bits === 0) {
            const powers = list.powers & -2 << power;
            if (powers === 0) break;
            power = 31 - Math.clz32(powers & -powers);
            bits = steps[power] as number;
          }
          later = power << STEP_BITS | 31 - Math.clz32(bits & -bits);
          candidate = first[later] as number;
        }
        const beyond = next[candidate] as number;
        const canGrow = beyond !== NONE && state[beyond] === UNMAPPED;
        const room = (size[candidate] as number) + (canGrow ? size[beyond] as number : 0);
        if (cached !== NONE && room >= couldBe) break;
        cached = candidate;
        itsClass = later;
        couldBe = room;
        if (!canGrow) break;
        candidate = nextFree[candidate] as number;
      }
      if (cached === NONE) break;
      const rest = (size[cached] as number) - wanted;
      const isSplit = rest >= owner.splitFrom;
      if (isSplit && unused === NONE && rows === size.length) break;
      const left = prevFree[cached] as number;
      const right = nextFree[cached] as number;
      if (right !== NONE) prevFree[right] = left;
      if (left !== NONE) nextFree[left] = right;
      else {
        first[itsClass] = right;
        if (right === NONE) {
          const power = itsClass >> STEP_BITS;
          const bits = (steps[power] as number) & ~(1 << (itsClass & STEPS - 1));
          steps[power] = bits;
          if (bits === 0) list.powers &= ~(1 << power);
        }
      }
      if (!isSplit) {
        state[cached] = ALLOCATED;
        own[index] = cached;
        allocated += wanted + rest;
        if (allocated > peak) peak = allocated;
        if (record !== undefined) {
          record.pools[place] = itsPool;
          record.changes[record.from + place] = wanted + rest;
        }
        continue;
      }
      let front = unused;
      if (front === NONE) front = rows++;
      else unused = next[front] as number;
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
      own[index] = front;
      allocated += wanted;
      if (allocated > peak) peak = allocated;
      if (record !== undefined) {
        record.pools[place] = itsPool;
        record.changes[record.from + place] = wanted;
      }
      changed = cached;
    } else {
      changed = kind === FREE_OWN
        ? own[index] as number
        : (columns[lastColumn - (earlier[2 * index] as number)] as Int32Array)[
          earlier[2 * index + 1] as number
        ] as number;
      if (changed === NONE) continue;
      if ((pool[changed] as number) >= served) break;
      if (state[changed] !== ALLOCATED) throw new Error(`Cannot free ${changed}: not allocated`);
      list = (pools[pool[changed] as number] as Pool).free;
      const { first, steps } = list;
      let freed = size[changed] as number;
      allocated -= freed;
      if (record !== undefined) {
        record.pools[place] = pool[changed] as number;
        record.changes[record.from + place] = -freed;
      }
      state[changed] = FREE;
      // One with its free neighbours: first the one after it, then the one before.
      for (let side = 0; side < 2; side++) {
        const neighbour = (side === 0 ? next[changed] : prev[changed]) as number;
        if (neighbour === NONE || state[neighbour] !== FREE) continue;
        const its = size[neighbour] as number;
        const itsClass = classOf(its);
        const left = prevFree[neighbour] as number;
        const right = nextFree[neighbour] as number;
        if (right !== NONE) prevFree[right] = left;
        if (left !== NONE) nextFree[left] = right;
        else {
          first[itsClass] = right;
          if (right === NONE) {
            const power = itsClass >> STEP_BITS;
            const bits = (steps[power] as number) & ~(1 << (itsClass & STEPS - 1));
            steps[power] = bits;
            if (bits === 0) list.powers &= ~(1 << power);
          }
        }
        freed += its;
        const lower = side === 0 ? changed : neighbour;
        const upper = side === 0 ? neighbour : changed;
        const beyond = next[upper] as number;
        next[lower] = beyond;
        if (beyond !== NONE) prev[beyond] = lower;
        next[upper] = unused;
        unused = upper;
        changed = lower;
      }
      size[changed] = freed;
    }
    // Its place in its class.
    const its = size[changed] as number;
    const itsClass = classOf(its);
    let left = NONE;
    let right = list.first[itsClass] as number;
    if (right === NONE) {
      const power = itsClass >> STEP_BITS;
      list.steps[power] = (list.steps[power] as number) | 1 << (itsClass & STEPS - 1);
      list.powers |= 1 << power;
    }
    while (right !== NONE) {
      const other = size[right] as number;
      if (other > its) break;
      if (other === its && (address[right] as number) > (address[changed] as number)) break;
      left = right;
      right = nextFree[right] as number;
    }
    nextFree[changed] = right;
    prevFree[changed] = left;
    if (right !== NONE) prevFree[right] = changed;
    if (left === NONE) list.first[itsClass] = changed;
    else nextFree[left] = changed;
  }
  if (hasGaps && i === places.length) {
    const fullest = allocated + (peaks[from + i] as number);
    if (fullest > peak) peak = fullest;
    allocated += sums[from + i] as number;
  }
  blocks.unused = unused;
  blocks.rows = rows;
  allocator.allocatedUnits = allocated;
  allocator.peakAllocatedUnits = peak;
  return i;
}
