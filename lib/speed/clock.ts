/**
 * The time interpreter: two clocks walk along the trace. The host's prepares one kernel after the other and runs ahead;
 * the device's starts a kernel when the one before has ended and the host has prepared it, and takes as long as the
 * slowest of its terms (memory, arithmetic, link), as in the roofline model (Williams et al., 2009). Where the host waits
 * for a copy, that is time of the host: the device computes meanwhile. A pass is over when both are. Devices of one
 * process take turns, so they share a clock; ranks that are alike share it too.
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
  /** Copies that the host waits for while the device computes. */
  awaitedSeconds = 0;
}

/** What one operation takes. */
interface Cost {
  readonly seconds: number;
  readonly launchSeconds: number;
  readonly bound: Exclude<Bound, "launches">;
}

/** Runs two clocks along a trace. Read `span` and `bound` when the trace has been written. */
export class Clock implements TraceSink {
  readonly #rates: Rates;
  /** Factors on the host's and on the device's times: everything quick, as expected, everything slow. */
  readonly #host: readonly [number, number, number];
  #device: readonly [number, number, number] = [1, 1, 1];
  readonly #passes = new Map<Phase, Pass[]>();
  #pass = new Pass();
  #launchSeconds = 0;

  constructor(rates: Rates) {
    this.#rates = rates;
    this.#host = [1 / rates.spread.host, 1, rates.spread.host];
  }

  beginPhase(phase: Phase): void {
    this.#pass = new Pass();
    this.#launchSeconds = phase === "decode"
      ? this.#rates.decodeLaunchSeconds
      : this.#rates.launchSeconds;
    const spread = this.#rates.spread[phase === "decode" ? "decode" : "device"];
    this.#device = [1 / spread, 1, spread];
    const passes = this.#passes.get(phase);
    if (passes === undefined) this.#passes.set(phase, [this.#pass]);
    else passes.push(this.#pass);
  }

  allocate(): number {
    return 0;
  }

  free(): void {}

  run(operation: Operation): void {
    this.runAll([operation], [0]);
  }

  /** Runs operations one after the other; `order` has the place of each in `operations`. */
  runAll(operations: readonly Operation[], order: ArrayLike<number>): void {
    const { host, device, busy } = this.#pass;
    const { hostIsDevice } = this.#rates;
    const costs = operations.map((operation) => this.#costOf(operation));
    const launches = Float64Array.from(costs, ({ launchSeconds }) => launchSeconds);
    const kernels = Float64Array.from(costs, ({ seconds }) => seconds);
    const awaited = operations.map(({ isAwaited = false }) => isAwaited && !hostIsDevice);
    const counts = new Uint32Array(costs.length);
    for (let i = 0; i < order.length; i++) {
      const index = order[i] as number;
      counts[index] = counts[index] as number + 1;
    }
    for (const [index, { seconds, launchSeconds, bound }] of costs.entries()) {
      busy[bound] += seconds * (counts[index] as number);
      if (awaited[index]) this.#pass.awaitedSeconds += seconds * (counts[index] as number);
      this.#pass.launchSeconds += launchSeconds * (counts[index] as number);
    }
    for (let end = 0; end < 3; end++) {
      const hostFactor = this.#host[end] as number;
      const deviceFactor = this.#device[end] as number;
      let hostTime = host[end] as number;
      let deviceTime = device[end] as number;
      for (let i = 0; i < order.length; i++) {
        const index = order[i] as number;
        hostTime += (launches[index] as number) * hostFactor;
        if (awaited[index]) {
          hostTime += (kernels[index] as number) * deviceFactor;
          continue;
        }
        deviceTime = Math.max(deviceTime, hostTime) + (kernels[index] as number) * deviceFactor;
        if (hostIsDevice) hostTime = deviceTime;
      }
      host[end] = hostTime;
      device[end] = deviceTime;
    }
  }

  /** Seconds of one operation on the device and on the host, and what takes the device longest. */
  #costOf(operation: Operation): Cost {
    const memory = this.#memorySeconds(operation);
    const compute = operation.kind === "indexed" ? 0 : operation.flops / this.#rates.flopsPerSecond;
    const links = this.#linkSeconds(operation);
    const { kernelSeconds, replayedKernelSeconds, collectiveSeconds, hostIsDevice } = this.#rates;
    const { isCollective = false, isReplayed = false, launches } = operation;
    const isProduct = operation.kind === "product" && !hostIsDevice;
    const body = isProduct ? roundedCorner(memory, compute) : Math.max(memory, compute);
    return {
      seconds: Math.max(body, links, launches * kernelSeconds) +
        (isReplayed ? launches * replayedKernelSeconds : 0),
      // Collectives of a replayed step are captured with it.
      launchSeconds: isReplayed || this.#launchSeconds === 0
        ? 0
        : launches * this.#launchSeconds + (isCollective ? collectiveSeconds : 0),
      bound: links >= memory && links >= compute
        ? "links"
        : memory >= compute
        ? "memory"
        : "compute",
    };
  }

  /** Seconds of a phase: of the prefill, or the mean of the decode steps that were written. */
  span(phase: Phase): Span {
    return { low: this.#mean(phase, 0), mid: this.#mean(phase, 1), high: this.#mean(phase, 2) };
  }

  /** What the passes of a phase wait for: launches where a slow host's take longer than the device's own work. */
  bound(phase: Phase): Bound {
    const passes = this.#passes.get(phase) ?? [];
    const terms: [Bound, number][] = [
      ["launches", sum(passes.map((pass) => pass.launchSeconds + this.#rates.hookSeconds))],
      ["memory", sum(passes.map(({ busy }) => busy.memory))],
      ["compute", sum(passes.map(({ busy }) => busy.compute))],
      ["links", sum(passes.map(({ busy }) => busy.links))],
    ];
    const device = sum(terms.slice(1).map(([, seconds]) => seconds));
    if ((terms[0]?.[1] ?? 0) * this.#rates.spread.host > device) return "launches";
    return terms.slice(1).reduce((most, term) => term[1] > most[1] ? term : most)[0];
  }

  /**
   * Which part of the work of a phase a slow device has before it when the host has ended with it. What goes over a link is
   * left out: the host waits for it, or it is beside the computation.
   */
  hostIsAhead(phase: Phase): number {
    const passes = this.#passes.get(phase) ?? [];
    let host = 0;
    let device = 0;
    for (const { launchSeconds, awaitedSeconds, busy } of passes) {
      host += launchSeconds + awaitedSeconds + this.#rates.hookSeconds;
      device += busy.memory + busy.compute;
    }
    return device === 0 ? 0 : Math.max(0, 1 - host / (device * this.#rates.spread.device));
  }

  /** Whether the host does anything in the passes of a phase: in replayed steps it does not. */
  waitsForHost(phase: Phase): boolean {
    return (this.#passes.get(phase) ?? []).some(({ launchSeconds }) => launchSeconds > 0);
  }

  #mean(phase: Phase, index: 0 | 1 | 2): number {
    const passes = this.#passes.get(phase) ?? [];
    if (passes.length === 0) return 0;
    const { hookSeconds, stepSeconds, generateSeconds } = this.#rates;
    const besidePass = stepSeconds + (phase === "prefill" ? generateSeconds : 0);
    const factor = this.#host[index];
    return sum(
      passes.map(({ host, device, launchSeconds }) => {
        // The replay of a graph is one call: nothing of the loop's Python comes between two steps.
        if (launchSeconds === 0) return device[index] ?? 0;
        return Math.max((host[index] ?? 0) + hookSeconds * factor, device[index] ?? 0) +
          besidePass * factor;
      }),
    ) / passes.length;
  }

  #memorySeconds({ kind, flops, bytes, isReplayed }: Operation): number {
    const { copyBytesPerSecond, weightBytesPerSecond, singleQueryBytesPerSecond } = this.#rates;
    if (kind === "indexed") {
      return Math.max(bytes / copyBytesPerSecond, flops * this.#rates.placeSeconds);
    }
    if (flops === 0 || kind === "bytes") return bytes / copyBytesPerSecond;
    if (kind === "unfused") return bytes / this.#rates.replayedUnfusedAttentionBytesPerSecond;
    if (kind !== "attention") return bytes / weightBytesPerSecond;
    if (isReplayed) {
      const { replayedAttentionBytesPerSecond, replayedGroupedAttentionBytesPerSecond } =
        this.#rates;
      return bytes /
        (flops < MATRIX_VECTOR_INTENSITY * bytes
          ? replayedAttentionBytesPerSecond
          : replayedGroupedAttentionBytesPerSecond);
    }
    // With several query tokens tiles of keys are used again, and tensor cores do the work.
    const isMatrixVector = flops < MATRIX_VECTOR_INTENSITY * bytes;
    return bytes / (isMatrixVector ? singleQueryBytesPerSecond : copyBytesPerSecond);
  }

  #linkSeconds({ link, linkBytes, isAwaited = false }: Operation): number {
    if (link === undefined || linkBytes === undefined) return 0;
    const rates = this.#rates;
    const rate = link === "device"
      ? rates.deviceLinkBytesPerSecond
      : link === "host" && isAwaited
      ? rates.hostCopyBytesPerSecond
      : link === "host"
      ? rates.hostLinkBytesPerSecond
      : rates.diskBytesPerSecond;
    return rates.linkLatencySeconds + linkBytes / rate;
  }
}

/** FLOPs per byte below which a batched product is one of matrices with vectors. */
const MATRIX_VECTOR_INTENSITY = 2;

/**
 * Reading and multiplying overlap, but not whole: a product of an H100 with 128 rows reads its weights at 2.53 TB/s, one
 * with a single row at 2.76 TB/s, though arithmetic alone would take but 0.55 of the time (calibrate --device).
 */
function roundedCorner(memory: number, compute: number): number {
  const most = Math.max(memory, compute);
  if (most === 0) return 0;
  const ratio = Math.min(memory, compute) / most;
  return most * (1 + ratio ** CORNER) ** (1 / CORNER);
}

/** (1 + 0.55^p)^(1/p) = 2.76 / 2.53. */
const CORNER = 2.5;

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
