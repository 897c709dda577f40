/**
 * The cached blocks of one pool, found by size: the best fit is the smallest block that is large enough, the one with
 * the lowest address among equals. Blocks are kept in classes of sizes, thirty-two to a power of two, which are not in
 * order within: a block joins and leaves its class in constant time, and only the class that answers is looked
 * through. A bit for each class that has blocks says which one that is.
 */
import { type Blocks, NONE } from "./blocks.ts";

/** Classes of one power of two, as a power of two themselves. */
const STEP_BITS = 5;
const STEPS = 1 << STEP_BITS;
/** Sizes are positive 32-bit integers. */
const POWERS = 31;

export class FreeList {
  readonly #blocks: Blocks;
  /** First block of each class. */
  readonly #first = new Int32Array(POWERS * STEPS).fill(NONE);
  /** A bit for each class that has blocks, and for each power of two that has such classes. */
  readonly #steps = new Int32Array(POWERS);
  #powers = 0;
  length = 0;

  constructor(blocks: Blocks) {
    this.#blocks = blocks;
  }

  /** The smallest block of at least `size`, the lowest address among equals; `NONE` when none is. */
  bestFit(size: number): number {
    const itsClass = classOf(size);
    const block = this.#leastFrom(itsClass, size);
    return block === NONE ? this.#leastOf(this.#classAfter(itsClass)) : block;
  }

  /** The block that comes after one in the order of sizes, then of addresses; `NONE` after the last. */
  after(block: number): number {
    const { size, address, nextFree } = this.#blocks;
    const itsSize = size[block] as number;
    const itsAddress = address[block] as number;
    const itsClass = classOf(itsSize);
    let best = NONE;
    for (let at = this.#first[itsClass] as number; at !== NONE; at = nextFree[at] as number) {
      const other = size[at] as number;
      if (other < itsSize || other === itsSize && (address[at] as number) <= itsAddress) continue;
      if (best === NONE || this.#isBefore(at, best)) best = at;
    }
    return best === NONE ? this.#leastOf(this.#classAfter(itsClass)) : best;
  }

  /** Adds a block with the size that it has in the columns. */
  insert(block: number): void {
    this.length++;
    this.#link(block, classOf(this.#blocks.size[block] as number));
  }

  /** Removes a block; call it before its size changes. */
  remove(block: number): void {
    this.length--;
    this.#unlink(block, classOf(this.#blocks.size[block] as number));
  }

  /** Says that a block of the list, which had `before` units, has another size now. */
  resized(block: number, before: number): void {
    const old = classOf(before);
    const now = classOf(this.#blocks.size[block] as number);
    if (old === now) return;
    this.#unlink(block, old);
    this.#link(block, now);
  }

  /** All blocks, in no order. */
  all(): number[] {
    const { nextFree } = this.#blocks;
    const found: number[] = [];
    for (const first of this.#first) {
      for (let at = first; at !== NONE; at = nextFree[at] as number) found.push(at);
    }
    return found;
  }

  clear(): void {
    this.length = 0;
    this.#first.fill(NONE);
    this.#steps.fill(0);
    this.#powers = 0;
  }

  /** The least block of a class that has at least `size`. */
  #leastFrom(itsClass: number, size: number): number {
    const { size: sizes, nextFree } = this.#blocks;
    let best = NONE;
    let least = 0;
    for (let at = this.#first[itsClass] as number; at !== NONE; at = nextFree[at] as number) {
      const other = sizes[at] as number;
      if (other < size || best !== NONE && other > least) continue;
      if (best !== NONE && other === least && !this.#isBefore(at, best)) continue;
      best = at;
      least = other;
    }
    return best;
  }

  #leastOf(itsClass: number): number {
    return itsClass === NONE ? NONE : this.#leastFrom(itsClass, 0);
  }

  /** The next class that has blocks. */
  #classAfter(itsClass: number): number {
    const power = itsClass >> STEP_BITS;
    const above = (this.#steps[power] as number) & -2 << (itsClass & STEPS - 1);
    if (above !== 0) return power << STEP_BITS | lowestBit(above);
    const powers = this.#powers & -2 << power;
    if (powers === 0) return NONE;
    const next = lowestBit(powers);
    return next << STEP_BITS | lowestBit(this.#steps[next] as number);
  }

  #link(block: number, itsClass: number): void {
    const { nextFree, prevFree } = this.#blocks;
    const first = this.#first[itsClass] as number;
    nextFree[block] = first;
    prevFree[block] = NONE;
    this.#first[itsClass] = block;
    if (first !== NONE) {
      prevFree[first] = block;
      return;
    }
    const power = itsClass >> STEP_BITS;
    this.#steps[power] = (this.#steps[power] as number) | 1 << (itsClass & STEPS - 1);
    this.#powers |= 1 << power;
  }

  #unlink(block: number, itsClass: number): void {
    const { nextFree, prevFree } = this.#blocks;
    const before = prevFree[block] as number;
    const after = nextFree[block] as number;
    if (after !== NONE) prevFree[after] = before;
    if (before !== NONE) {
      nextFree[before] = after;
      return;
    }
    this.#first[itsClass] = after;
    if (after !== NONE) return;
    const power = itsClass >> STEP_BITS;
    const steps = (this.#steps[power] as number) & ~(1 << (itsClass & STEPS - 1));
    this.#steps[power] = steps;
    if (steps === 0) this.#powers &= ~(1 << power);
  }

  #isBefore(left: number, right: number): boolean {
    const { size, address } = this.#blocks;
    const difference = (size[left] as number) - (size[right] as number);
    return difference < 0 ||
      difference === 0 && (address[left] as number) < (address[right] as number);
  }
}

/** Sizes below `STEPS` have classes of their own. */
function classOf(size: number): number {
  if (size < STEPS) return size;
  const power = 31 - Math.clz32(size);
  return (power - STEP_BITS + 1) << STEP_BITS | size >> (power - STEP_BITS) & STEPS - 1;
}

function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}
