/**
 * The cached blocks of one pool, ordered by size, then by address: a sorted array. Free lists are short (tens to
 * hundreds of blocks, thousands with a cache that grows layer by layer), so that moving integers costs less than
 * following the pointers of a tree.
 */
import { type Blocks, NONE } from "./blocks.ts";

/** Up to so many places a loop moves blocks faster than a call of the engine does. */
const FEW = 32;

export class FreeList {
  /** Sizes in order, and the block of each. */
  #sizes = new Int32Array(64);
  #ids = new Int32Array(64);
  readonly #blocks: Blocks;
  length = 0;

  constructor(blocks: Blocks) {
    this.#blocks = blocks;
  }

  /** The block at a place of the order. */
  at(index: number): number {
    return this.#ids[index] as number;
  }

  sizeAt(index: number): number {
    return this.#sizes[index] as number;
  }

  /** Place of the smallest block of at least `size`, the lowest address among equals; `length` when none is. */
  lowerBound(size: number): number {
    const sizes = this.#sizes;
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((sizes[middle] as number) < size) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Adds a block with the size and address that it has in the columns. */
  insert(block: number): void {
    const size = this.#blocks.size[block] as number;
    if (this.length === this.#sizes.length) this.#grow();
    const sizes = this.#sizes;
    const ids = this.#ids;
    const index = this.#place(size, this.#blocks.address[block] as number);
    if (this.length - index > FEW) {
      sizes.copyWithin(index + 1, index, this.length);
      ids.copyWithin(index + 1, index, this.length);
    } else {
      for (let i = this.length; i > index; i--) {
        sizes[i] = sizes[i - 1] as number;
        ids[i] = ids[i - 1] as number;
      }
    }
    sizes[index] = size;
    ids[index] = block;
    this.length++;
  }

  removeAt(index: number): void {
    const sizes = this.#sizes;
    const ids = this.#ids;
    const last = --this.length;
    if (last - index > FEW) {
      sizes.copyWithin(index, index + 1, last + 1);
      ids.copyWithin(index, index + 1, last + 1);
      return;
    }
    for (let i = index; i < last; i++) {
      sizes[i] = sizes[i + 1] as number;
      ids[i] = ids[i + 1] as number;
    }
  }

  /** Removes a block; call it before its size or address change. */
  remove(block: number): void {
    this.removeAt(this.indexOf(block));
  }

  /** Place of a block that is in the list. */
  indexOf(block: number): number {
    const { size, address } = this.#blocks;
    const index = this.#place(size[block] as number, address[block] as number);
    if (this.#ids[index] !== block) throw new Error(`Block ${block} is not in the free list`);
    return index;
  }

  /** Puts a block, which became smaller, in its new place. */
  shrink(index: number): void {
    const sizes = this.#sizes;
    const ids = this.#ids;
    const block = ids[index] as number;
    const size = this.#blocks.size[block] as number;
    const address = this.#blocks.address[block] as number;
    let i = index;
    if (index > FEW && this.#isBefore(size, address, index - FEW)) {
      i = this.#place(size, address);
      sizes.copyWithin(i + 1, i, index);
      ids.copyWithin(i + 1, i, index);
    }
    while (i > 0 && this.#isBefore(size, address, i - 1)) {
      sizes[i] = sizes[i - 1] as number;
      ids[i] = ids[i - 1] as number;
      i--;
    }
    sizes[i] = size;
    ids[i] = block;
  }

  /** Puts `block` in the place that it now has instead of the smaller block that stood at `index`. */
  replaceByLarger(index: number, block: number): void {
    const sizes = this.#sizes;
    const ids = this.#ids;
    const size = this.#blocks.size[block] as number;
    const address = this.#blocks.address[block] as number;
    const last = this.length - 1;
    let i = index;
    if (last - index > FEW && !this.#isBefore(size, address, index + FEW)) {
      i = this.#place(size, address) - 1;
      sizes.copyWithin(index, index + 1, i + 1);
      ids.copyWithin(index, index + 1, i + 1);
    }
    while (i < last && !this.#isBefore(size, address, i + 1)) {
      sizes[i] = sizes[i + 1] as number;
      ids[i] = ids[i + 1] as number;
      i++;
    }
    sizes[i] = size;
    ids[i] = block;
  }

  /** Removes every block that `isDropped` says true of, in one pass. */
  dropWhere(isDropped: (block: number) => boolean): void {
    const sizes = this.#sizes;
    const ids = this.#ids;
    let kept = 0;
    for (let i = 0; i < this.length; i++) {
      const block = ids[i] as number;
      if (isDropped(block)) continue;
      sizes[kept] = sizes[i] as number;
      ids[kept++] = block;
    }
    this.length = kept;
  }

  clear(): void {
    this.length = 0;
  }

  /** Whether a block of this size and address comes before the one at `index`. */
  #isBefore(size: number, address: number, index: number): boolean {
    const other = this.#sizes[index] as number;
    if (other !== size) return size < other;
    return address < (this.#blocks.address[this.#ids[index] as number] as number);
  }

  /** First place whose block does not come before this size and address. */
  #place(size: number, address: number): number {
    const sizes = this.#sizes;
    const ids = this.#ids;
    const addresses = this.#blocks.address;
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = sizes[middle] as number;
      if (
        other < size || other === size && (addresses[ids[middle] as number] as number) < address
      ) {
        low = middle + 1;
      } else high = middle;
    }
    return low;
  }

  #grow(): void {
    const length = 2 * this.#sizes.length;
    const sizes = new Int32Array(length);
    const ids = new Int32Array(length).fill(NONE);
    sizes.set(this.#sizes);
    ids.set(this.#ids);
    this.#sizes = sizes;
    this.#ids = ids;
  }
}
