/**
 * Layers within a pass of a device: most of a pass is one stretch of events that is repeated once a layer. Two
 * repetitions ask for the same sizes in the same order and free what stands at the same distance; only which blocks
 * that is differs.
 */
import { ALLOCATE, FREE_OWN, KIND_BITS, KIND_MASK } from "../trace/recording.ts";
import type { DevicePass } from "./device_passes.ts";

/** The repeated stretch of a pass. */
export interface Period {
  /** Index of its first event, number of events of one repetition, and number of repetitions. */
  readonly start: number;
  readonly length: number;
  readonly count: number;
  /** Allocations of the pass before it, and those of one repetition. */
  readonly firstSlot: number;
  readonly slots: number;
  /** Places of the events of lasting tensors: all others are of temporary ones. */
  readonly lasting: Int32Array;
  /** Slots of temporary tensors that live at the end; the next repetition frees them. */
  readonly handedOn: Int32Array;
}

/** Passes with fewer layers are not worth the search. */
const MIN_COUNT = 6;
/** Distances that are tried: occurrences of one event that a repetition may have. */
const MAX_TRIES = 40;

/** As many as there are kinds of events, and more than a trace has passes. */
const KINDS = KIND_MASK + 1;
const AGES = 2 ** 20;

/** Streams that a shortcut tells apart; a pass with more is replayed plainly. */
export const MAX_STREAMS = 8;

/** @returns undefined where nothing is repeated. */
export function findPeriod(pass: DevicePass): Period | undefined {
  if (pass.streamOf.some((stream) => stream >= MAX_STREAMS)) return undefined;
  const tokens = tokensOf(pass);
  const middle = tokens.length >> 1;
  let tries = 0;
  for (let at = middle + 1; at < tokens.length && tries < MAX_TRIES; at++) {
    if (tokens[at] !== tokens[middle]) continue;
    tries++;
    const length = at - middle;
    let start = middle;
    while (start > 0 && tokens[start - 1] === tokens[start - 1 + length]) start--;
    let end = middle;
    while (end + length < tokens.length && tokens[end] === tokens[end + length]) end++;
    const count = Math.floor((end + length - start) / length);
    if (count >= MIN_COUNT) return describe(pass, start, length, count);
  }
  return undefined;
}

/** A number for each event, the same for events that do the same at the same distance. */
function tokensOf({ events, sizeOf, streamOf, earlier }: DevicePass): Int32Array {
  const known = new Map<number, number>();
  const tokens = new Int32Array(events.length);
  let allocated = 0;
  for (let i = 0; i < events.length; i++) {
    const event = events[i] as number;
    const kind = event & KIND_MASK;
    const index = event >> KIND_BITS;
    // What tells events of a kind apart, as one number.
    let told: number;
    if (kind === ALLOCATE) {
      told = (sizeOf[index] as number) * MAX_STREAMS + (streamOf[index] as number);
      allocated++;
    } else if (kind === FREE_OWN) told = allocated - index;
    else {
      const distance = allocated - (earlier[2 * index + 1] as number);
      told = distance * AGES + (earlier[2 * index] as number);
    }
    const key = told * KINDS + kind;
    let token = known.get(key);
    if (token === undefined) known.set(key, token = known.size);
    tokens[i] = token;
  }
  return tokens;
}

function describe(
  { events }: DevicePass,
  start: number,
  length: number,
  count: number,
): Period | undefined {
  const firstSlot = allocations(events, 0, start);
  const slots = allocations(events, start, start + length);
  if (slots === 0) return undefined;
  // The second repetition is like all later ones: the first may free what stood before it.
  const second = events.subarray(start + length, start + 2 * length);
  const told = classify(second, firstSlot + slots, slots);
  return { start, length, count, firstSlot, slots, ...told };
}

/** Tells temporary tensors, which are freed in the repetition that allocates them or in the next, from lasting ones. */
function classify(
  events: Int32Array,
  base: number,
  slots: number,
): Pick<Period, "lasting" | "handedOn"> {
  const { length } = events;
  const place = new Int32Array(slots);
  const freedHere = new Uint8Array(slots);
  const freedLater = new Uint8Array(slots);
  const isLasting = new Uint8Array(length).fill(1);
  let slot = 0;
  for (let i = 0; i < length; i++) {
    const event = events[i] as number;
    if (isAllocation(event)) {
      place[slot++] = i;
      continue;
    }
    const freed = (event >> KIND_BITS) - base;
    if ((event & KIND_MASK) !== FREE_OWN || freed < -slots) continue;
    isLasting[i] = 0;
    if (freed >= 0) freedHere[freed] = 1;
    else freedLater[freed + slots] = 1;
  }
  const handedOn: number[] = [];
  for (let i = 0; i < slots; i++) {
    if (freedHere[i] === 0 && freedLater[i] === 0) continue;
    isLasting[place[i] as number] = 0;
    if (freedHere[i] === 0) handedOn.push(i);
  }
  const lasting = Int32Array.from(isLasting.keys()).filter((i) => isLasting[i] === 1);
  return { lasting, handedOn: Int32Array.from(handedOn) };
}

function allocations(events: Int32Array, from: number, to: number): number {
  return events.subarray(from, to).filter(isAllocation).length;
}

function isAllocation(event: number): boolean {
  return (event & KIND_MASK) === ALLOCATE;
}
