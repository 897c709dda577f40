/**
 * The time interpreter: two clocks walk along the trace. The host's prepares one kernel after the other and runs ahead;
 * the device's starts a kernel when the one before has ended and the host has prepared it, and takes as long as the
 * slowest of its terms (memory, arithmetic, link), as in the roofline model (Williams et al., 2009). A pass is over when
 * both are. Devices of one process take turns, so they share a clock; ranks that are alike share it too.
 */
import type { Operation, Phase, TraceSink } from "../trace/trace.ts";
import type { Rates } from "./rates.ts";

/** What a pass waits for most. */
export type Bound = "launches" | "memory" | "compute" | "links";

/** Seconds at the 5th percentile, the estimate, and the 95th. */
export interface Span {
  readonly low: number;
  readonly mid: number;
  readonly high: number;
}

/** Clocks of one pass under slow, expected and fast parts, and what the device was busy with. */
class Pass {
  readonly host = new Float64Array(3);
  readonly device = new Float64Array(3);
  readonly busy: Record<Exclude<Bound, "launches">, number> = { memory: 0, compute: 0, links: 0 };
  launchSeconds = 0;
}

/** Runs two clocks along a trace. Read `span` and `bound` when the trace has been written. */
export class Clock implements TraceSink {
  readonly #rates: Rates;
  /** Factors on the host's and on the device's times: everything quick, as expected, everything slow. */
  readonly #host: readonly [number, number, number];
  readonly #device: readonly [number, number, number];
  readonly #passes = new Map<Phase, Pass[]>();
  #pass = new Pass();

  constructor(rates: Rates) {
    this.#rates = rates;
    this.#host = [1 / rates.spread.host, 1, rates.spread.host];
    this.#device = [1 / rates.spread.device, 1, rates.spread.device];
  }

  beginPhase(phase: Phase): void {
    this.#pass = new Pass();
    const passes = this.#passes.get(phase);
    if (passes === undefined) this.#passes.set(phase, [this.#pass]);
    else passes.push(this.#pass);
  }

  allocate(): number {
    return 0;
  }

  free(): void {}

  run(operation: Operation): void {
    const { host, device, busy } = this.#pass;
    const memory = this.#memorySeconds(operation);
    const compute = operation.flops / this.#rates.flopsPerSecond;
    const links = this.#linkSeconds(operation);
    const seconds = Math.max(
      memory,
      compute,
      links,
      operation.launches * this.#rates.kernelSeconds,
    );
    if (links >= memory && links >= compute) busy.links += seconds;
    else if (memory >= compute) busy.memory += seconds;
    else busy.compute += seconds;
    const launch = operation.launches * this.#rates.launchSeconds;
    this.#pass.launchSeconds += launch;
    for (let index = 0; index < 3; index++) {
      const prepared = (host[index] as number) + launch * (this.#host[index] as number);
      const ended = Math.max(device[index] as number, prepared) +
        seconds * (this.#device[index] as number);
      device[index] = ended;
      host[index] = this.#rates.hostIsDevice ? ended : prepared;
    }
  }

  /** Seconds of a phase: of the prefill, or the mean of the decode steps that were written. */
  span(phase: Phase): Span {
    return { low: this.#mean(phase, 0), mid: this.#mean(phase, 1), high: this.#mean(phase, 2) };
  }

  /** What the passes of a phase wait for: launches where they take longer than the device's own work. */
  bound(phase: Phase): Bound {
    const passes = this.#passes.get(phase) ?? [];
    const terms: [Bound, number][] = [
      ["launches", sum(passes.map((pass) => pass.launchSeconds + this.#rates.hookSeconds))],
      ["memory", sum(passes.map(({ busy }) => busy.memory))],
      ["compute", sum(passes.map(({ busy }) => busy.compute))],
      ["links", sum(passes.map(({ busy }) => busy.links))],
    ];
    const device = sum(terms.slice(1).map(([, seconds]) => seconds));
    if ((terms[0]?.[1] ?? 0) > device) return "launches";
    return terms.slice(1).reduce((most, term) => term[1] > most[1] ? term : most)[0];
  }

  #mean(phase: Phase, index: 0 | 1 | 2): number {
    const passes = this.#passes.get(phase) ?? [];
    if (passes.length === 0) return 0;
    const { hookSeconds, stepSeconds } = this.#rates;
    const factor = this.#host[index];
    return sum(
      passes.map(({ host, device }) =>
        Math.max((host[index] ?? 0) + hookSeconds * factor, device[index] ?? 0) +
        stepSeconds * factor
      ),
    ) / passes.length;
  }

  #memorySeconds({ kind, flops, bytes }: Operation): number {
    const { copyBytesPerSecond, weightBytesPerSecond, dotProductSeconds, headDim } = this.#rates;
    if (flops === 0 || kind === "bytes") return bytes / copyBytesPerSecond;
    if (kind !== "attention") return bytes / weightBytesPerSecond;
    const seconds = bytes / copyBytesPerSecond;
    // With several query tokens tiles of keys are used again, and tensor cores do the work.
    const isMatrixVector = flops < MATRIX_VECTOR_INTENSITY * bytes;
    return isMatrixVector ? Math.max(seconds, flops / (2 * headDim) * dotProductSeconds) : seconds;
  }

  #linkSeconds({ link, linkBytes }: Operation): number {
    if (link === undefined || linkBytes === undefined) return 0;
    const rates = this.#rates;
    const rate = link === "device"
      ? rates.deviceLinkBytesPerSecond
      : link === "host"
      ? rates.hostLinkBytesPerSecond
      : rates.diskBytesPerSecond;
    return rates.linkLatencySeconds + linkBytes / rate;
  }
}

/** FLOPs per byte below which a batched product is one of matrices with vectors. */
const MATRIX_VECTOR_INTENSITY = 2;

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
