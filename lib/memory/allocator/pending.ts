/**
 * Blocks that the program has freed while another stream may still use them (`record_stream`). In PyTorch an event
 * stands for each, and every request first takes back those whose events have passed, the oldest first.
 */

/** Start of the sequence of waits: any would do. */
const SEED = 1;

export class PendingBlocks {
  /**
   * Most allocations, of streams other than the first, that a block waits for. How many it is depends on how far the
   * host is ahead, which differs from run to run: a fixed sequence stands for that. 0 leaves it to `takeAll`.
   */
  lag = 0;
  readonly #blocks: number[] = [];
  readonly #due: number[] = [];
  #allocations = 0;
  #random = SEED;

  get isEmpty(): boolean {
    return this.#blocks.length === 0;
  }

  add(block: number): void {
    this.#blocks.push(block);
    this.#due.push(this.lag === 0 ? Infinity : this.#allocations + this.#draw());
  }

  /** Notes one more allocation and takes the blocks that came back before it. */
  takeDue(): number[] {
    let count = 0;
    while (count < this.#due.length && (this.#due[count] as number) <= this.#allocations) count++;
    this.#allocations++;
    if (count === 0) return [];
    this.#due.splice(0, count);
    return this.#blocks.splice(0, count);
  }

  takeAll(): number[] {
    this.#due.length = 0;
    return this.#blocks.splice(0);
  }

  clear(): void {
    this.takeAll();
    this.#allocations = 0;
    this.#random = SEED;
    this.lag = 0;
  }

  /** 0 to `lag`, by a linear congruential generator. */
  #draw(): number {
    this.#random = (this.#random * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor(this.#random / 2 ** 31 * (this.lag + 1));
  }
}
