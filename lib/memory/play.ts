/** The plain replay: events of a pass, one after the other, through an allocator. */
import { ALLOCATE, FREE_OWN, KIND_BITS, KIND_MASK } from "../trace/recording.ts";
import type { CachingAllocator } from "./allocator/allocator.ts";
import { NONE } from "./allocator/blocks.ts";
import type { DevicePass } from "./device_passes.ts";

/** A pass that is being replayed. */
export interface Playing {
  readonly pass: DevicePass;
  readonly allocator: CachingAllocator;
  /** Units of each size of the program; 0 for a tensor without elements, which takes nothing. */
  readonly units: Int32Array;
  /** The block of each allocation of the pass, to be filled, or `NONE`. */
  readonly own: Int32Array;
  /** The same of the passes so far, this one last. */
  readonly columns: readonly Int32Array[];
}

/** @returns Whether all requests of the events from `from` up to `to` were served. */
export function playEvents(playing: Playing, from: number, to: number): boolean {
  const { pass: { events, sizeOf, streamOf, isLent }, units, own, allocator } = playing;
  const lends = allocator.pending.lag > 0 ? isLent : undefined;
  for (let i = from; i < to; i++) {
    const event = events[i] as number;
    const index = event >> KIND_BITS;
    if ((event & KIND_MASK) === ALLOCATE) {
      const size = units[sizeOf[index] as number] as number;
      if (size === 0) {
        own[index] = NONE;
        continue;
      }
      const block = allocator.mallocUnits(size, streamOf[index] as number);
      if (block === NONE) return false;
      own[index] = block;
      if (lends?.[index] === 1) allocator.recordStream(block);
      continue;
    }
    const block = freedBlock(playing, event);
    if (block !== NONE) allocator.free(block);
  }
  return true;
}

/** The block that an event frees, or `NONE`. */
export function freedBlock({ pass: { earlier }, own, columns }: Playing, event: number): number {
  const index = event >> KIND_BITS;
  if ((event & KIND_MASK) === FREE_OWN) return own[index] as number;
  const column = columns[columns.length - 1 - (earlier[2 * index] as number)] as Int32Array;
  return column[earlier[2 * index + 1] as number] as number;
}
