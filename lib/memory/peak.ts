/** The memory interpreter: the largest running sum of a trace, per device and phase, and what made it. */
import type { Category, Phase, Tensor, TraceSink } from "../trace/trace.ts";

/** Memory of one device at the moment when it was fullest. */
export interface Peak {
  readonly bytes: number;
  readonly phase: Phase;
  /** Bytes by category at that moment. */
  readonly byCategory: Readonly<Record<Category, number>>;
  /** Of the bytes those that PyTorch's allocator knows nothing of. */
  readonly outsideBytes: number;
}

/** What is asked of a trace that was added up. */
export interface Peaks {
  /** The fullest moment of a device within the given phases; zero where nothing was allocated. */
  peak(device: number, phases?: readonly Phase[]): Peak;
  /** The largest that one category became on a device. */
  peakOf(device: number, category: Category): number;
}

/** All categories, in the order of their columns. */
export const CATEGORIES: readonly Category[] = [
  "weights",
  "kv",
  "activation",
  "workspace",
  "context",
  "communication",
];

/** Running sums of one device. */
interface Ledger {
  bytes: number;
  outsideBytes: number;
  readonly byCategory: Record<Category, number>;
  /** The largest that each category became. */
  readonly largest: Record<Category, number>;
  readonly peaks: Map<Phase, Peak>;
}

function emptyCategories(): Record<Category, number> {
  return { weights: 0, kv: 0, activation: 0, workspace: 0, context: 0, communication: 0 };
}

/** Whether PyTorch's allocator knows nothing of a tensor. */
export function isOutside({ category, outside }: Tensor): boolean {
  return outside === true || category === "context";
}

/** Adds up a trace. Read `peak` and `peakOf` when the trace has been written. */
export class PeakMemory implements TraceSink, Peaks {
  readonly #ledgers = new Map<number, Ledger>();
  readonly #live: (Tensor | undefined)[] = [];
  readonly #roundTo: number;
  #phase: Phase = "start";

  /** @param roundTo What the allocator rounds each block up to: 512 for PyTorch's CUDA allocator, 64 on a CPU. */
  constructor(roundTo: number) {
    this.#roundTo = roundTo;
  }

  beginPhase(phase: Phase): void {
    this.#phase = phase;
    // What is alive when a phase begins belongs to its peak.
    for (const ledger of this.#ledgers.values()) this.#notePeak(ledger);
  }

  allocate(tensor: Tensor): number {
    const ledger = this.#ledger(tensor.device);
    const bytes = this.#rounded(tensor);
    ledger.bytes += bytes;
    if (isOutside(tensor)) ledger.outsideBytes += bytes;
    const { byCategory, largest } = ledger;
    byCategory[tensor.category] += bytes;
    largest[tensor.category] = Math.max(largest[tensor.category], byCategory[tensor.category]);
    this.#notePeak(ledger);
    this.#live.push(tensor);
    return this.#live.length - 1;
  }

  free(handle: number): void {
    const tensor = this.#live[handle];
    if (tensor === undefined) throw new Error(`Cannot free handle ${handle}: it is not alive`);
    this.#live[handle] = undefined;
    const ledger = this.#ledger(tensor.device);
    const bytes = this.#rounded(tensor);
    ledger.bytes -= bytes;
    if (isOutside(tensor)) ledger.outsideBytes -= bytes;
    ledger.byCategory[tensor.category] -= bytes;
  }

  run(): void {}

  /** The fullest moment of a device within the given phases; zero where nothing was allocated. */
  peak(device: number, phases?: readonly Phase[]): Peak {
    let best: Peak = { bytes: 0, phase: "start", byCategory: emptyCategories(), outsideBytes: 0 };
    for (const [phase, peak] of this.#ledgers.get(device)?.peaks ?? []) {
      if (phases !== undefined && !phases.includes(phase)) continue;
      if (peak.bytes > best.bytes) best = peak;
    }
    return best;
  }

  /** The largest that one category became on a device. */
  peakOf(device: number, category: Category): number {
    return this.#ledgers.get(device)?.largest[category] ?? 0;
  }

  #rounded(tensor: Tensor): number {
    return Math.ceil(tensor.bytes / this.#roundTo) * this.#roundTo;
  }

  #ledger(device: number): Ledger {
    let ledger = this.#ledgers.get(device);
    if (ledger === undefined) {
      ledger = {
        bytes: 0,
        outsideBytes: 0,
        byCategory: emptyCategories(),
        largest: emptyCategories(),
        peaks: new Map(),
      };
      this.#ledgers.set(device, ledger);
    }
    return ledger;
  }

  #notePeak(ledger: Ledger): void {
    const known = ledger.peaks.get(this.#phase);
    if (known !== undefined && known.bytes >= ledger.bytes) return;
    ledger.peaks.set(this.#phase, {
      bytes: ledger.bytes,
      phase: this.#phase,
      byCategory: { ...ledger.byCategory },
      outsideBytes: ledger.outsideBytes,
    });
  }
}
