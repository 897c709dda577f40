/** The named tensors that are alive when a device is fullest. */
import type { Phase, Tensor, TraceSink } from "../trace/trace.ts";

/** The fullest moment of one device. */
export interface FullestMoment {
  readonly phase: Phase;
  /** Number of the decode step; 0 in the other phases. */
  readonly step: number;
  /** Bytes as the program asked for them. */
  readonly bytes: number;
  /** In the order in which they were made. */
  readonly tensors: readonly Tensor[];
}

interface Moment {
  readonly event: number;
  readonly bytes: number;
}

/**
 * Walks a trace twice: to find when each device is fullest, and to see what is alive then. Costs nothing unless it is
 * asked for.
 *
 * @param trace Writes the same events at each call.
 */
export function fullestMoments(trace: (sink: TraceSink) => void): Map<number, FullestMoment> {
  const finder = new Finder();
  trace(finder);
  const collector = new Collector(finder.moments);
  trace(collector);
  return collector.found;
}

/** Keeps the running sum of every device. */
class Finder implements TraceSink {
  readonly moments = new Map<number, Moment>();
  readonly #sums = new Map<number, number>();
  readonly #tensors: Tensor[] = [];

  beginPhase(): void {}

  allocate(tensor: Tensor): number {
    const { device, bytes } = tensor;
    const sum = (this.#sums.get(device) ?? 0) + bytes;
    this.#sums.set(device, sum);
    const event = this.#tensors.push(tensor) - 1;
    if (sum > (this.moments.get(device)?.bytes ?? 0)) {
      this.moments.set(device, { event, bytes: sum });
    }
    return event;
  }

  free(handle: number): void {
    const tensor = this.#tensors[handle];
    if (tensor === undefined) return;
    this.#sums.set(tensor.device, (this.#sums.get(tensor.device) ?? 0) - tensor.bytes);
  }

  run(): void {}
}

/** Notes what is alive when the events come that were found. */
class Collector implements TraceSink {
  readonly found = new Map<number, FullestMoment>();
  readonly #moments: ReadonlyMap<number, Moment>;
  readonly #live = new Map<number, Tensor>();
  #events = 0;
  #phase: Phase = "start";
  #step = 0;

  constructor(moments: ReadonlyMap<number, Moment>) {
    this.#moments = moments;
  }

  beginPhase(phase: Phase, step: number): void {
    this.#phase = phase;
    this.#step = step;
  }

  allocate(tensor: Tensor): number {
    const event = this.#events++;
    this.#live.set(event, tensor);
    const moment = this.#moments.get(tensor.device);
    if (moment?.event === event) {
      this.found.set(tensor.device, {
        phase: this.#phase,
        step: this.#step,
        bytes: moment.bytes,
        tensors: [...this.#live.values()].filter(({ device }) => device === tensor.device),
      });
    }
    return event;
  }

  free(handle: number): void {
    this.#live.delete(handle);
  }

  run(): void {}
}
