/**
 * The shortcut through a pass: pools that a repetition of its period leaves as it found them are not replayed again.
 *
 * Why it is exact. Pools share no blocks. What a pool answers is decided by its segments and by the addresses in use,
 * since free neighbours are always one block. A pool stands still when a repetition (1) touched no lasting tensor in
 * it, (2) left the temporary tensors that it hands on at the addresses where the one before had left them, and (3) got
 * no memory from the driver for it, nor returned any: then the next repetition, which asks for the same sizes in the same
 * order, gets the same blocks. Of its events only the sums of allocated bytes are kept. Before anything is returned to the
 * driver, which concerns all pools, what was left out of the repetition is made up for.
 */
import { ALLOCATE, KIND_BITS, KIND_MASK } from "../trace/recording.ts";
import { NONE } from "./allocator/blocks.ts";
import { SMALL_UNITS } from "./allocator/rules.ts";
import { MAX_STREAMS, type Period } from "./period.ts";
import { freedBlock, playEvents, type Playing } from "./play.ts";

/** With fewer repetitions the looking costs more than it spares. */
const MIN_COUNT = 10;
/** Two of each stream. */
const MAX_POOLS = 2 * MAX_STREAMS;
/** Stands for no pool: of tensors that take nothing. */
const NO_POOL = MAX_POOLS;

/** @returns Whether all requests of the pass were served. */
export function playPeriod(playing: Playing, period: Period): boolean {
  const { start, length, count } = period;
  const { events } = playing.pass;
  // What a repetition hands on to the next is told from the second on.
  if (!playEvents(playing, 0, start + length)) return false;
  const still = new StillPools(playing, period);
  for (let repetition = 1; repetition < count; repetition++) {
    if (!still.play(repetition)) return false;
  }
  still.handOn(count - 1);
  return playEvents(playing, start + count * length, events.length);
}

class StillPools {
  readonly #playing: Playing;
  readonly #period: Period;
  readonly #isStill = new Uint8Array(MAX_POOLS + 1);
  /** Whether a repetition changed a pool for good. */
  readonly #isChanged = new Uint8Array(MAX_POOLS + 1);
  /** Of each event of a repetition its pool, and the units that it takes or gives back. */
  readonly #poolOf: Uint8Array;
  readonly #change: Int32Array;
  /** Blocks that are handed on, as one repetition left them; those of still pools stay. */
  readonly #handedOn: Int32Array;
  readonly #addresses: Float64Array;
  /** Whether `addresses` are those of the repetition before. */
  #isKnown = false;

  constructor(playing: Playing, period: Period) {
    this.#playing = playing;
    this.#period = period;
    this.#poolOf = new Uint8Array(period.length).fill(NO_POOL);
    this.#change = new Int32Array(period.length);
    this.#handedOn = new Int32Array(period.handedOn.length);
    this.#addresses = new Float64Array(period.handedOn.length);
    this.#look(0);
  }

  /** @returns Whether all requests of the repetition were served. */
  play(repetition: number): boolean {
    const { pass: { events, sizeOf, streamOf }, units, own, allocator } = this.#playing;
    const { start, length } = this.#period;
    const { blocks } = allocator;
    const at = start + repetition * length;
    const { retries } = allocator;
    const poolOf = this.#poolOf;
    const change = this.#change;
    const isStill = this.#isStill;
    this.#isChanged.fill(0);
    for (let i = 0; i < length; i++) {
      if (isStill[poolOf[i] as number] === 1) {
        const allocated = allocator.allocatedUnits += change[i] as number;
        if (allocated > allocator.peakAllocatedUnits) allocator.peakAllocatedUnits = allocated;
        continue;
      }
      const event = events[at + i] as number;
      if ((event & KIND_MASK) === ALLOCATE) {
        const index = event >> KIND_BITS;
        const size = units[sizeOf[index] as number] as number;
        if (size === 0) {
          own[index] = NONE;
          continue;
        }
        const stream = streamOf[index] as number;
        const number = 2 * stream + (size <= SMALL_UNITS ? 0 : 1);
        const pool = allocator.pool(number);
        const place = allocator.find(pool, size);
        if (place === NONE) {
          this.#isChanged[number] = 1;
          if (!allocator.canGrow(size) && !this.#makeUp(repetition, i)) return false;
        }
        const block = place === NONE
          ? allocator.mallocUnits(size, stream)
          : allocator.take(pool, place, size);
        if (block === NONE) return false;
        own[index] = block;
        poolOf[i] = number;
        change[i] = blocks.size[block] as number;
        continue;
      }
      const block = freedBlock(this.#playing, event);
      if (block === NONE) continue;
      const pool = blocks.pool[block] as number;
      if (isStill[pool] === 1 && !this.#makeUp(repetition, i)) return false;
      poolOf[i] = pool;
      change[i] = -(blocks.size[block] as number);
      allocator.free(block);
    }
    if (allocator.retries !== retries) this.#isKnown = false;
    this.#look(repetition);
    return true;
  }

  /** Gives the temporary tensors of still pools, which were not replayed, the blocks that they have. */
  handOn(repetition: number): void {
    const { own, allocator: { blocks } } = this.#playing;
    const { firstSlot, slots, handedOn } = this.#period;
    const base = firstSlot + repetition * slots;
    for (let i = 0; i < handedOn.length; i++) {
      const block = this.#handedOn[i] as number;
      if (block !== NONE && this.#isStill[blocks.pool[block] as number] === 1) {
        own[base + (handedOn[i] as number)] = block;
      }
    }
  }

  /** Finds the pools that stand still after a repetition. */
  #look(repetition: number): void {
    const { own, allocator: { blocks } } = this.#playing;
    const { firstSlot, slots, handedOn, lasting } = this.#period;
    const base = firstSlot + repetition * slots;
    for (let i = 0; i < handedOn.length; i++) {
      const known = this.#handedOn[i] as number;
      if (this.#isKnown && known !== NONE && this.#isStill[blocks.pool[known] as number] === 1) {
        continue;
      }
      const block = own[base + (handedOn[i] as number)] as number;
      this.#handedOn[i] = block;
      if (block === NONE) continue;
      const address = blocks.address[block] as number;
      if (this.#addresses[i] !== address) this.#isChanged[blocks.pool[block] as number] = 1;
      this.#addresses[i] = address;
    }
    for (let i = 0; i < lasting.length; i++) {
      this.#isChanged[this.#poolOf[lasting[i] as number] as number] = 1;
    }
    if (this.#isKnown) {
      for (let pool = 0; pool < MAX_POOLS; pool++) {
        if (this.#isChanged[pool] === 0) this.#isStill[pool] = 1;
      }
    }
    this.#isKnown = true;
  }

  /** Replays what was left out of a repetition up to an event; from there on nothing is left out. */
  #makeUp(repetition: number, end: number): boolean {
    const { allocator } = this.#playing;
    const { start, length } = this.#period;
    const peak = allocator.peakAllocatedUnits;
    this.handOn(repetition - 1);
    const at = start + repetition * length;
    let isServed = true;
    for (let i = 0; i < end; i++) {
      if (this.#isStill[this.#poolOf[i] as number] === 1) {
        allocator.allocatedUnits -= this.#change[i] as number;
      }
    }
    for (let i = 0; i < end && isServed; i++) {
      if (this.#isStill[this.#poolOf[i] as number] === 0) continue;
      isServed = playEvents(this.#playing, at + i, at + i + 1);
    }
    // These were counted when they were due.
    allocator.peakAllocatedUnits = peak;
    this.#isStill.fill(0);
    this.#isKnown = false;
    return isServed;
  }
}

/** Whether the shortcut is exact, for which cached blocks must not age, and worth it. */
export function canStandStill({ garbageThreshold }: Playing["allocator"], period: Period): boolean {
  return garbageThreshold === 0 && period.count >= MIN_COUNT;
}
