/**
 * The time interpreter: each operation takes as long as its slowest term (memory traffic, arithmetic, kernel
 * launches, link), and a phase takes the sum. This is the roofline model (Williams et al., 2009) applied kernel by kernel.
 */
import type { Operation, Phase, TraceSink } from "../trace/trace.ts";

/** Rates that the hardware reaches, not those of its data sheet. */
export interface Rates {
  readonly memoryBytesPerSecond: number;
  readonly flopsPerSecond: number;
  readonly launchSeconds: number;
  readonly deviceLinkBytesPerSecond: number;
  readonly hostLinkBytesPerSecond: number;
  readonly diskBytesPerSecond: number;
  /** Fixed cost of one operation over a link: a collective's start. */
  readonly linkLatencySeconds: number;
}

/** Adds up the seconds of a trace. Devices of one process take turns, so their operations add too. */
export class Roofline implements TraceSink {
  readonly #rates: Rates;
  readonly #seconds = new Map<string, number>();
  #current = "start:0";

  constructor(rates: Rates) {
    this.#rates = rates;
  }

  beginPhase(phase: Phase, step: number): void {
    this.#current = `${phase}:${step}`;
    this.#seconds.set(this.#current, 0);
  }

  allocate(): number {
    return 0;
  }

  free(): void {}

  run(operation: Operation): void {
    const rates = this.#rates;
    const seconds = Math.max(
      operation.bytes / rates.memoryBytesPerSecond,
      operation.flops / rates.flopsPerSecond,
      operation.launches * rates.launchSeconds,
      this.#linkSeconds(operation),
    );
    this.#seconds.set(this.#current, (this.#seconds.get(this.#current) ?? 0) + seconds);
  }

  /** Seconds of a phase: of the prefill, or the mean of the decode steps that were written. */
  seconds(phase: Phase): number {
    const steps = [...this.#seconds].filter(([key]) => key.startsWith(`${phase}:`));
    if (steps.length === 0) return 0;
    return steps.reduce((sum, [, seconds]) => sum + seconds, 0) / steps.length;
  }

  #linkSeconds({ link, linkBytes }: Operation): number {
    if (link === undefined || linkBytes === undefined) return 0;
    const rates = {
      device: this.#rates.deviceLinkBytesPerSecond,
      host: this.#rates.hostLinkBytesPerSecond,
      disk: this.#rates.diskBytesPerSecond,
    };
    return this.#rates.linkLatencySeconds + linkBytes / rates[link];
  }
}
