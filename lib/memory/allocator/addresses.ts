/** Above every address that a later small segment can get. */
const FIRST_SMALL_ADDRESS = 2 ** 40;

/**
 * Where the driver puts segments: the order of addresses decides between cached blocks of one size. It is modelled as it
 * was observed on an H100 with CUDA 13 (driver addresses of a recorded generation,
 * `fixtures/h100_bloom_560m_allocations.json`): large segments get falling addresses; of the small pool the first
 * segment lies highest, and the later ones, which the driver puts into gaps between large ones, rise below it. Pools
 * share no blocks, so nothing else of addresses matters.
 *
 * Addresses of large segments that were returned serve again where they are free for just as much as is asked for. Of
 * that no addresses were recorded; it is what is in accord with every run that returned segments, to the byte
 * (`fixtures/measurements/h100-limits-bloom-1b1.json`).
 */
export class SegmentAddresses {
  #nextSmall = FIRST_SMALL_ADDRESS;
  #nextLarge = 0;
  /** Start and units of the ranges that were returned, neighbours as one. */
  readonly #free = new Map<number, number>();

  next(small: boolean, units: number): number {
    if (!small) return this.#takeAgain(units) ?? (this.#nextLarge -= units);
    const address = this.#nextSmall;
    this.#nextSmall = address === FIRST_SMALL_ADDRESS ? 0 : address + units;
    return address;
  }

  /** A segment went back. */
  release(small: boolean, address: number, units: number): void {
    if (small) return;
    let start = address;
    let end = address + units;
    for (const [other, size] of this.#free) {
      if (other + size === start) start = other;
      else if (other === end) end = other + size;
      else continue;
      this.#free.delete(other);
    }
    if (start === this.#nextLarge) this.#nextLarge = end;
    else this.#free.set(start, end - start);
  }

  /** As new. */
  clear(): void {
    this.#nextSmall = FIRST_SMALL_ADDRESS;
    this.#nextLarge = 0;
    this.#free.clear();
  }

  /** The highest free range of this size. */
  #takeAgain(units: number): number | undefined {
    let highest: number | undefined;
    for (const [start, size] of this.#free) {
      if (size === units && (highest === undefined || start > highest)) highest = start;
    }
    if (highest !== undefined) this.#free.delete(highest);
    return highest;
  }
}
