/**
 * Finds the largest batch that really runs, with few probes. Pure: it says which batch to try next and is told how that
 * went. The prediction gives the first probe, and what a probe measured gives the next: need grows by the same bytes
 * with every sequence. Where that would not end within the probes that are left, the gap is halved.
 */

/** What is known before the first probe. */
export interface LimitHints {
  /** Largest batch that is predicted to fit; null when none is known to. */
  readonly predictedBatch: number | null;
  /** What one more sequence is predicted to need; null when it is not predicted. */
  readonly bytesPerSequence: number | null;
  /** Bytes of the device; null when nothing limits it. */
  readonly capacityBytes: number | null;
  readonly mostProbes: number;
  /** Larger batches are not tried. */
  readonly mostBatch: number;
}

/** One probe. */
export interface Probe {
  /** Sequences that were tried together. */
  readonly batchSize: number;
  /** Whether they ran. */
  readonly fits: boolean;
  /** Highest device peak; null when it was not measured. */
  readonly peakBytes: number | null;
}

/** One search. */
export class LimitSearch {
  readonly #hints: LimitHints;
  readonly #probes: Probe[] = [];

  constructor(hints: LimitHints) {
    this.#hints = hints;
  }

  get probes(): readonly Probe[] {
    return this.#probes;
  }

  /** Largest batch that ran; 0 when none did. */
  get good(): number {
    return Math.max(0, ...this.#probes.filter(({ fits }) => fits).map((probe) => probe.batchSize));
  }

  /** Smallest batch that did not; null when all did. */
  get bad(): number | null {
    const failed = this.#probes.filter(({ fits }) => !fits).map((probe) => probe.batchSize);
    return failed.length === 0 ? null : Math.min(...failed);
  }

  /** Whether the limit is known to the sequence. */
  get isExact(): boolean {
    return this.good >= this.#hints.mostBatch || this.bad === this.good + 1;
  }

  note(probe: Probe): void {
    this.#probes.push(probe);
  }

  /** The batch to try next; null when the limit is known or the probes are used up. */
  next(): number | null {
    const { mostProbes, mostBatch, predictedBatch } = this.#hints;
    if (this.isExact || this.#probes.length >= mostProbes) return null;
    const { good, bad } = this;
    if (this.#probes.length === 0) return clamp(predictedBatch ?? 1, 1, mostBatch);
    const guess = this.#guess();
    if (bad === null) {
      // Beyond what has run: as far as measured, and ever further where nothing is.
      return clamp(guess ?? 2 * good, good + 1, mostBatch);
    }
    const left = mostProbes - this.#probes.length;
    if (good === 0) return clamp(this.#step(bad), 1, bad - 1);
    const middle = Math.floor((good + bad) / 2);
    // A guess that has been tried was wrong, and its slope too: the middle gives a better one.
    if (guess === null || guess >= bad) return middle;
    const within = clamp(guess, good + 1, bad - 1);
    const isMeasured = this.#probes.filter(({ fits }) => fits).length > 1;
    const worst = Math.max(within - good, bad - within);
    return isMeasured || worst <= 2 ** (left - 1) || left > 2 ? within : middle;
  }

  /** Where the capacity would be reached, from the largest batch that ran. */
  #guess(): number | null {
    const { capacityBytes } = this.#hints;
    const ran = this.#probes.filter(({ fits, peakBytes }) => fits && peakBytes !== null)
      .sort((a, b) => a.batchSize - b.batchSize);
    const last = ran.at(-1);
    const slope = this.#slope(ran);
    if (last?.peakBytes == null || slope === null || capacityBytes === null) return null;
    return last.batchSize + Math.floor((capacityBytes - last.peakBytes) / slope);
  }

  #slope(ran: readonly Probe[]): number | null {
    const [first, last] = [ran[0], ran.at(-1)];
    if (first?.peakBytes != null && last?.peakBytes != null && first !== last) {
      const measured = (last.peakBytes - first.peakBytes) / (last.batchSize - first.batchSize);
      if (measured > 0) return measured;
    }
    const predicted = this.#hints.bytesPerSequence;
    return predicted !== null && predicted > 0 ? predicted : null;
  }

  /** Nothing has run yet: down in growing steps, because the prediction is near. */
  #step(bad: number): number {
    const failures = this.#probes.length;
    return bad - Math.max(1, Math.ceil(bad * 0.06 * 4 ** (failures - 1)));
  }
}

function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(high, Math.floor(value)));
}
