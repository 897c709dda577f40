/**
 * The shortcut through a pass: layers after which pools stand as they stood a few layers before are not replayed again
 * in these pools.
 *
 * Why it is exact. Pools share no blocks. What a pool answers is decided by its segments and by the addresses in use,
 * since free neighbours are always one block. A pool in which no lasting tensor is allocated or freed is passed through:
 * between two layers nothing of it is in use but what stays and the temporary tensors that the layer hands on. When these
 * stand at the addresses where they stood some layers before, and since then the driver gave no memory for the pool nor
 * took any, the layers to come, which ask for the same sizes in the same order, get the same blocks as those since: the
 * pool goes round. Of its events only the sums of allocated bytes are kept. Before anything is returned to the driver,
 * which concerns all pools, and at the end, what was left out is made up for.
 */
import { ALLOCATE, KIND_BITS, KIND_MASK } from "../trace/recording.ts";
import { NONE } from "./allocator/blocks.ts";
import { SMALL_UNITS } from "./allocator/rules.ts";
import { MAX_STREAMS, type Period } from "./period.ts";
import { freedBlock, playEvents, type Playing } from "./play.ts";
import { placesUpTo, playRange, serve } from "./serve.ts";

/** Two of each stream. */
const MAX_POOLS = 2 * MAX_STREAMS;
/** Stands for no pool: of tensors that take nothing. */
const NO_POOL = MAX_POOLS;
/** Layers after which pools may stand as before. */
const MAX_CYCLE = 16;
/** With fewer layers the looking costs more than it spares. */
const MIN_LAYERS = 16;

/** Whether leaving layers out spares anything. */
export function isWorthLooking({ count }: Period): boolean {
  return count >= MIN_LAYERS;
}

/** @returns Whether all requests of the pass were served. */
export function playPeriod(playing: Playing, period: Period): boolean {
  const { start, length, count } = period;
  if (!playRange(playing, 0, start)) return false;
  const layers = new Layers(playing, period);
  for (let layer = 0; layer < count; layer++) if (!layers.play(layer)) return false;
  layers.makeUp(count, 0);
  return playRange(playing, start + count * length, playing.pass.events.length);
}

class Layers {
  readonly #playing: Playing;
  readonly #period: Period;
  /** Whether lasting tensors are allocated or freed in a pool. */
  readonly #isLasting = new Uint8Array(MAX_POOLS + 1);
  /** Of each event of a layer its pool, and of each tensor that is handed on. */
  readonly #poolOf: Uint8Array;
  readonly #handedOnIn: Uint8Array;
  /** What each event took or gave back, and where the tensors stood that were handed on, of the last layers in turn. */
  readonly #changes: Int32Array;
  readonly #standing: Float64Array;
  /** The first layer since whose end no pool got memory from the driver, nor returned any. */
  #steadyFrom = 0;
  readonly #grown: number[];
  #round: Round | undefined;

  constructor(playing: Playing, period: Period) {
    this.#playing = playing;
    this.#period = period;
    this.#poolOf = new Uint8Array(period.length).fill(NO_POOL);
    this.#handedOnIn = new Uint8Array(period.handedOn.length).fill(NO_POOL);
    this.#changes = new Int32Array(MAX_CYCLE * period.length);
    this.#standing = new Float64Array(MAX_CYCLE * period.handedOn.length);
    this.#grown = playing.allocator.pools.map(({ growths }) => growths);
  }

  /** @returns Whether all requests of the layer were served. */
  play(layer: number): boolean {
    return this.#round === undefined ? this.#playWhole(layer) : this.#playRest(layer, this.#round);
  }

  /**
   * Brings the pools that go round to where they stand before an event of a layer, and lets them go round no more.
   * What was left out was counted when it was due.
   */
  makeUp(layer: number, end: number): void {
    const round = this.#round;
    if (round === undefined) return;
    this.#round = undefined;
    // How the layer ends is not looked at.
    this.#steadyFrom = layer + 1;
    const { allocator, own } = this.#playing;
    const { start, length, firstSlot, slots, handedOn } = this.#period;
    const { allocatedUnits, peakAllocatedUnits } = allocator;
    const left = (layer - 1 - round.last) % round.length;
    for (let i = 1; i <= left; i++) this.#playLeftOut(start + (round.last + i) * length, length);
    const from = firstSlot + (round.last + left) * slots;
    const to = firstSlot + (layer - 1) * slots;
    for (const [i, slot] of handedOn.entries()) {
      if (!this.#isHeldByLasting(i)) own[to + slot] = own[from + slot] as number;
    }
    this.#playLeftOut(start + layer * length, end);
    allocator.allocatedUnits = allocatedUnits;
    allocator.peakAllocatedUnits = peakAllocatedUnits;
  }

  /** Replays every event of a layer, and looks whether its pools stand as before. */
  #playWhole(layer: number): boolean {
    const { allocator } = this.#playing;
    const { start, length, lasting } = this.#period;
    const { retries } = allocator;
    const at = start + layer * length;
    const from = layer % MAX_CYCLE * length;
    const poolOf = this.#poolOf;
    const changes = this.#changes;
    const places = placesUpTo(length);
    // What takes nothing is noted by nobody.
    poolOf.fill(NO_POOL);
    changes.fill(0, from, from + length);
    for (let i = 0;; i++) {
      i = serve(this.#playing, at, places, i, undefined, { pools: poolOf, changes, from });
      if (i === length) break;
      const before = allocator.allocatedUnits;
      if (!playEvents(this.#playing, at + i, at + i + 1)) return false;
      poolOf[i] = this.#poolOfAllocation(at + i);
      changes[from + i] = allocator.allocatedUnits - before;
    }
    // The first layer may free what stood before it.
    if (layer > 0) {
      for (const i of lasting) this.#isLasting[poolOf[i] as number] = 1;
    }
    if (this.#haveGrown() || allocator.retries !== retries) this.#steadyFrom = layer;
    this.#look(layer);
    return true;
  }

  #poolOfAllocation(at: number): number {
    const { pass: { events }, own, allocator: { blocks } } = this.#playing;
    return blocks.pool[own[(events[at] as number) >> KIND_BITS] as number] as number;
  }

  /** Finds an earlier layer after which the pools stood as they do after this one. */
  #look(layer: number): void {
    const { own, allocator: { blocks } } = this.#playing;
    const { firstSlot, slots, handedOn } = this.#period;
    const base = firstSlot + layer * slots;
    const row = layer % MAX_CYCLE * handedOn.length;
    const standing = this.#standing;
    for (let i = 0; i < handedOn.length; i++) {
      const block = own[base + (handedOn[i] as number)] as number;
      this.#handedOnIn[i] = block === NONE ? NO_POOL : blocks.pool[block] as number;
      standing[row + i] = block === NONE ? 0 : blocks.address[block] as number;
    }
    const first = Math.max(this.#steadyFrom, layer - MAX_CYCLE + 1);
    for (let before = layer - 1; before >= first; before--) {
      const other = before % MAX_CYCLE * handedOn.length;
      let i = 0;
      while (
        i < handedOn.length &&
        (this.#isHeldByLasting(i) || standing[row + i] === standing[other + i])
      ) i++;
      if (i < handedOn.length) continue;
      this.#round = this.#roundOf(before, layer);
      return;
    }
  }

  /** The layers after `before` up to `last`, to be repeated without the pools that go round. */
  #roundOf(before: number, last: number): Round {
    const { length } = this.#period;
    const rest: number[] = [];
    for (let i = 0; i < length; i++) {
      if (this.#isLasting[this.#poolOf[i] as number] === 1) rest.push(i);
    }
    const gaps = rest.length + 1;
    const count = last - before;
    const sums = new Int32Array(count * gaps);
    const peaks = new Int32Array(count * gaps);
    for (let phase = 0; phase < count; phase++) {
      const row = (before + 1 + phase) % MAX_CYCLE * length;
      let gap = phase * gaps;
      let next = 0;
      let sum = 0;
      let peak = 0;
      for (let i = 0; i < length; i++) {
        if (i === rest[next]) {
          sums[gap] = sum;
          peaks[gap] = peak;
          gap++;
          next++;
          sum = peak = 0;
          continue;
        }
        sum += this.#changes[row + i] as number;
        if (sum > peak) peak = sum;
      }
      sums[gap] = sum;
      peaks[gap] = peak;
    }
    return { last, length: count, rest: Int32Array.from(rest), sums, peaks };
  }

  /** Replays the events of a layer in the pools that do not go round. */
  #playRest(layer: number, { last, length: count, rest, sums, peaks }: Round): boolean {
    const { pass: { events, sizeOf, streamOf }, units, own, allocator } = this.#playing;
    const { start, length } = this.#period;
    const at = start + layer * length;
    if (this.#freesElsewhere(at)) {
      this.makeUp(layer, 0);
      return playRange(this.#playing, at, at + length);
    }
    const from = (layer - last - 1) % count * (rest.length + 1);
    const gaps = { sums, peaks, from };
    for (let i = 0;; i++) {
      i = serve(this.#playing, at, rest, i, gaps);
      if (i === rest.length) return true;
      const place = rest[i] as number;
      const index = (events[at + place] as number) >> KIND_BITS;
      const size = units[sizeOf[index] as number] as number;
      const stream = streamOf[index] as number;
      const pool = allocator.pool(2 * stream + (size <= SMALL_UNITS ? 0 : 1));
      if (allocator.find(pool, size) === NONE && !allocator.canGrow(size)) {
        this.makeUp(layer, place);
        return playRange(this.#playing, at + place, at + length);
      }
      own[index] = allocator.mallocUnits(size, stream);
    }
  }

  /** Whether a lasting tensor is freed that is in a pool which goes round. */
  #freesElsewhere(at: number): boolean {
    const { pass: { events }, allocator: { blocks } } = this.#playing;
    for (const i of this.#period.lasting) {
      const event = events[at + i] as number;
      if ((event & KIND_MASK) === ALLOCATE) continue;
      const block = freedBlock(this.#playing, event);
      if (block !== NONE && this.#isLasting[blocks.pool[block] as number] === 0) return true;
    }
    return false;
  }

  /** Replays the first events of a layer in the pools that go round. */
  #playLeftOut(at: number, end: number): void {
    for (let i = 0; i < end; i++) {
      if (this.#isLasting[this.#poolOf[i] as number] === 1) continue;
      playEvents(this.#playing, at + i, at + i + 1);
    }
  }

  /** Whether a tensor that is handed on is in a pool with lasting ones. */
  #isHeldByLasting(handedOn: number): boolean {
    return this.#isLasting[this.#handedOnIn[handedOn] as number] === 1;
  }

  /** Whether a pool without lasting tensors got memory from the driver since the last look. */
  #haveGrown(): boolean {
    let found = false;
    for (const { index, growths } of this.#playing.allocator.pools) {
      if (this.#isLasting[index] === 0 && growths !== (this.#grown[index] ?? 0)) found = true;
      this.#grown[index] = growths;
    }
    return found;
  }
}

/** Layers that pools go round in. */
interface Round {
  /** The layer after which it began, and the number of layers. */
  readonly last: number;
  readonly length: number;
  /** Places of the events in the other pools. */
  readonly rest: Int32Array;
  /** Of each layer of the round, before each of these events and at the end: what was left out adds up to, at most and at last. */
  readonly sums: Int32Array;
  readonly peaks: Int32Array;
}
