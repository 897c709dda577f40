/**
 * The cached blocks of one pool, found by size: the best fit is the smallest block that is large enough, the one with
 * the lowest address among equals. Blocks are kept in classes of sizes, thirty-two to a power of two, each a short list in
 * that order. A bit for each class that has blocks says which one comes next.
 */
import { type Blocks, NONE } from "./blocks.ts";

/** Classes of one power of two, as a power of two themselves. */
export const STEP_BITS = 5;
export const STEPS = 1 << STEP_BITS;
/** Sizes are positive 32-bit integers. */
const POWERS = 31;

export class FreeList {
  /** First block of each class. */
  readonly first = new Int32Array(POWERS * STEPS).fill(NONE);
  /** A bit for each class that has blocks, and for each power of two that has such classes. */
  readonly steps = new Int32Array(POWERS);
  powers = 0;
  readonly #blocks: Blocks;

  constructor(blocks: Blocks) {
    this.#blocks = blocks;
  }

  /** The smallest block of at least `size`, the lowest address among equals; `NONE` when none is. */
  bestFit(size: number): number {
    const { size: sizes, nextFree } = this.#blocks;
    const itsClass = classOf(size);
    let at = this.first[itsClass] as number;
    while (at !== NONE && (sizes[at] as number) < size) at = nextFree[at] as number;
    return at === NONE ? this.#firstAfter(itsClass) : at;
  }

  /** The block that comes after one in the order of sizes, then of addresses; `NONE` after the last. */
  after(block: number): number {
    const { size, nextFree } = this.#blocks;
    const next = nextFree[block] as number;
    return next === NONE ? this.#firstAfter(classOf(size[block] as number)) : next;
  }

  /** Adds a block with the size that it has in the columns. */
  insert(block: number): void {
    this.#link(block, classOf(this.#blocks.size[block] as number));
  }

  /** Removes a block; call it before its size changes. */
  remove(block: number): void {
    this.#unlink(block, classOf(this.#blocks.size[block] as number));
  }

  /** Says that a block of the list, which had `before` units, has another size now. */
  resized(block: number, before: number): void {
    const old = classOf(before);
    const now = classOf(this.#blocks.size[block] as number);
    if (old === now && this.#isInPlace(block)) return;
    this.#unlink(block, old);
    this.#link(block, now);
  }

  /** All blocks, in no order. */
  all(): number[] {
    const { nextFree } = this.#blocks;
    const found: number[] = [];
    for (let powers = this.powers; powers !== 0; powers &= powers - 1) {
      const power = lowestBit(powers);
      for (let steps = this.steps[power] as number; steps !== 0; steps &= steps - 1) {
        let at = this.first[power << STEP_BITS | lowestBit(steps)] as number;
        for (; at !== NONE; at = nextFree[at] as number) found.push(at);
      }
    }
    return found;
  }

  clear(): void {
    this.first.fill(NONE);
    this.steps.fill(0);
    this.powers = 0;
  }

  /** The first block of the classes after one. */
  #firstAfter(itsClass: number): number {
    let power = itsClass >> STEP_BITS;
    let steps = (this.steps[power] as number) & -2 << (itsClass & STEPS - 1);
    if (steps === 0) {
      const powers = this.powers & -2 << power;
      if (powers === 0) return NONE;
      power = lowestBit(powers);
      steps = this.steps[power] as number;
    }
    return this.first[power << STEP_BITS | lowestBit(steps)] as number;
  }

  /** Whether a block stands rightly between its neighbours of the same class. */
  #isInPlace(block: number): boolean {
    const { size, address, prevFree, nextFree } = this.#blocks;
    const before = prevFree[block] as number;
    const after = nextFree[block] as number;
    return (before === NONE || isBefore(size, address, before, block)) &&
      (after === NONE || isBefore(size, address, block, after));
  }

  #link(block: number, itsClass: number): void {
    const { size, address, nextFree, prevFree } = this.#blocks;
    let before = NONE;
    let after = this.first[itsClass] as number;
    if (after === NONE) this.#filled(itsClass);
    while (after !== NONE && isBefore(size, address, after, block)) {
      before = after;
      after = nextFree[after] as number;
    }
    nextFree[block] = after;
    prevFree[block] = before;
    if (after !== NONE) prevFree[after] = block;
    if (before === NONE) this.first[itsClass] = block;
    else nextFree[before] = block;
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
    this.first[itsClass] = after;
    if (after === NONE) this.#emptied(itsClass);
  }

  /** Notes that a class has blocks. */
  #filled(itsClass: number): void {
    const power = itsClass >> STEP_BITS;
    this.steps[power] = (this.steps[power] as number) | 1 << (itsClass & STEPS - 1);
    this.powers |= 1 << power;
  }

  /** Notes that a class has no blocks. */
  #emptied(itsClass: number): void {
    const power = itsClass >> STEP_BITS;
    const steps = (this.steps[power] as number) & ~(1 << (itsClass & STEPS - 1));
    this.steps[power] = steps;
    if (steps === 0) this.powers &= ~(1 << power);
  }
}

function isBefore(
  size: Int32Array,
  address: Float64Array,
  left: number,
  right: number,
): boolean {
  const difference = (size[left] as number) - (size[right] as number);
  return difference < 0 ||
    difference === 0 && (address[left] as number) < (address[right] as number);
}

/** Sizes below `STEPS` have classes of their own. */
export function classOf(size: number): number {
  if (size < STEPS) return size;
  const power = 31 - Math.clz32(size);
  return (power - STEP_BITS + 1) << STEP_BITS | size >> (power - STEP_BITS) & STEPS - 1;
}

function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}
