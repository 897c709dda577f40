/** The blocks of an allocator as columns: a block is a row number, and no object is made for one. */

/** Stands for no block. */
export const NONE = -1;

/** What a block is: cached, and in a free list. */
export const FREE = 0;
/** In use by the program. */
export const ALLOCATED = 1;
/** Freed by the program, and still in use by another stream. */
export const PENDING = 2;
/** Address space of an expandable segment without memory behind it. */
export const UNMAPPED = 3;

/** Rows of blocks; a row that is no longer used is given out again. */
export class Blocks {
  /** Units of 512 B. */
  size = new Int32Array(1024);
  /** In units; only its order matters. */
  address = new Float64Array(1024);
  /** Neighbours within the segment, `NONE` at its ends. */
  prev = new Int32Array(1024);
  next = new Int32Array(1024);
  /** Index of the pool. */
  pool = new Int32Array(1024);
  state = new Uint8Array(1024);
  /** Count of searches in the pool when the block was cached last, for the garbage collection. */
  cachedAt = new Int32Array(1024);
  /** Neighbours within the class of a free list. */
  nextFree = new Int32Array(1024);
  prevFree = new Int32Array(1024);
  /** The first row that is no longer used; `next` leads to the others. */
  unused = NONE;
  /** Rows that were ever used. */
  rows = 0;

  /** A row for a block without neighbours. */
  add(address: number, size: number, pool: number, state: number): number {
    let block = this.unused;
    if (block === NONE) block = this.#newRow();
    else this.unused = this.next[block] as number;
    this.address[block] = address;
    this.size[block] = size;
    this.prev[block] = NONE;
    this.next[block] = NONE;
    this.pool[block] = pool;
    this.state[block] = state;
    return block;
  }

  /** Gives the row back. */
  drop(block: number): void {
    this.next[block] = this.unused;
    this.unused = block;
  }

  /** Cuts the first `size` units off a block: they become the block that is returned, before the old one. */
  splitFront(block: number, size: number, state: number): number {
    const address = this.address[block] as number;
    const front = this.add(address, size, this.pool[block] as number, state);
    const before = this.prev[block] as number;
    this.prev[front] = before;
    if (before !== NONE) this.next[before] = front;
    this.next[front] = block;
    this.prev[block] = front;
    this.address[block] = address + size;
    this.size[block] = this.size[block] as number - size;
    return front;
  }

  /** Takes the block after `block` into it. */
  mergeNext(block: number): void {
    const after = this.next[block] as number;
    this.size[block] = this.size[block] as number + (this.size[after] as number);
    const beyond = this.next[after] as number;
    this.next[block] = beyond;
    if (beyond !== NONE) this.prev[beyond] = block;
    this.drop(after);
  }

  /** Whether a block is a whole segment. */
  isWhole(block: number): boolean {
    return this.prev[block] === NONE && this.next[block] === NONE;
  }

  /** Whether memory can be mapped right behind a block. */
  canGrow(block: number): boolean {
    const after = this.next[block] as number;
    return after !== NONE && this.state[after] === UNMAPPED;
  }

  /** Forgets all rows. */
  clear(): void {
    this.rows = 0;
    this.unused = NONE;
  }

  #newRow(): number {
    if (this.rows === this.size.length) this.#grow();
    return this.rows++;
  }

  #grow(): void {
    const rows = 2 * this.size.length;
    this.size = copied(new Int32Array(rows), this.size);
    this.address = copied(new Float64Array(rows), this.address);
    this.prev = copied(new Int32Array(rows), this.prev);
    this.next = copied(new Int32Array(rows), this.next);
    this.pool = copied(new Int32Array(rows), this.pool);
    this.state = copied(new Uint8Array(rows), this.state);
    this.cachedAt = copied(new Int32Array(rows), this.cachedAt);
    this.nextFree = copied(new Int32Array(rows), this.nextFree);
    this.prevFree = copied(new Int32Array(rows), this.prevFree);
  }
}

function copied<A extends { set(from: A): void }>(to: A, from: A): A {
  to.set(from);
  return to;
}
