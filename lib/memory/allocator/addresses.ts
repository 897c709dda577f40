/** Above every address that a later small segment can get. */
const FIRST_SMALL_ADDRESS = 2 ** 40;

/**
 * Where the driver puts segments: the order of addresses decides between cached blocks of one size. It is modelled as it
 * was observed on an H100 with CUDA 13 (driver addresses of a recorded generation,
 * `fixtures/h100_bloom_560m_allocations.json`): large segments get falling addresses; of the small pool the first
 * segment lies highest, and the later ones, which the driver puts into gaps between large ones, rise below it. Pools
 * share no blocks, so nothing else of addresses matters.
 */
export class SegmentAddresses {
  #nextSmall = FIRST_SMALL_ADDRESS;
  #nextLarge = 0;

  next(small: boolean, units: number): number {
    if (!small) return this.#nextLarge -= units;
    const address = this.#nextSmall;
    this.#nextSmall = address === FIRST_SMALL_ADDRESS ? 0 : address + units;
    return address;
  }

  /** As new. */
  clear(): void {
    this.#nextSmall = FIRST_SMALL_ADDRESS;
    this.#nextLarge = 0;
  }
}
