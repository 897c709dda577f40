/** What a gathered parameter costs on the device, and what gathering it sends (partition_parameters.py, 0.19.8). */
import type { Operation, TraceSink } from "../../trace/trace.ts";
import { Tape } from "../../trace/tape.ts";
import type { Gatherer } from "./coordinator.ts";
import type { ZeroWeight } from "./place.ts";

/** How the ranks hold the parameters. */
export interface Partitioning {
  readonly ranks: number;
  readonly offload: "none" | "cpu" | "nvme";
  readonly isCpu: boolean;
  /** Whether gathers have a stream of their own (`overlap_comm`), whose cached blocks serve nothing else. */
  readonly overlaps: boolean;
  /** Those that are dropped without a word to the allocator (`fast_sharding_for_leaf_module`): they come back at once. */
  readonly dropped?: ReadonlySet<ZeroWeight>;
}

const GATHER_STREAM = 1;

type Link = NonNullable<Operation["link"]>;

/** What parameters come over. */
const LINKS = { none: "device", cpu: "host", nvme: "disk" } as const;

/** Parameters that one collective brings. */
interface Bucket {
  readonly parameters: readonly ZeroWeight[];
  /** Handle of the buffer that they arrive in, when they are copied out of it. */
  readonly flat: number;
  /** Those that have not been asked for. */
  readonly pending: Set<ZeroWeight>;
}

export class GatherMemory implements Gatherer<ZeroWeight> {
  readonly #partitioning: Partitioning;
  readonly #tape: Tape;
  readonly #sink: TraceSink;
  readonly #stream: { readonly stream?: number };
  /** Whether the computation is behind when a parameter is dropped: the host waits for copies of offloaded ones. */
  readonly #lends: boolean;
  readonly #whole = new Map<ZeroWeight, number>();
  readonly #buckets = new Map<ZeroWeight, Bucket>();
  /** Parts of offloaded parameters that are being gathered alone. */
  readonly #inputs = new Map<ZeroWeight, number>();

  constructor(partitioning: Partitioning, sink: TraceSink) {
    this.#partitioning = partitioning;
    this.#tape = new Tape(sink, 0);
    this.#sink = sink;
    const { ranks, offload, isCpu, overlaps } = partitioning;
    this.#stream = overlaps ? { stream: GATHER_STREAM } : {};
    this.#lends = overlaps && ranks > 1 && offload === "none" && !isCpu;
  }

  start(parameters: readonly ZeroWeight[]): void {
    const { ranks, offload, isCpu } = this.#partitioning;
    const bytes = parameters.reduce((sum, parameter) => sum + this.#wholeBytes(parameter), 0);
    if (ranks === 1) {
      // NoGatherHandle: the partition is the parameter, once it is on the device.
      if (offload === "none") return;
      for (const parameter of parameters) this.#allocate(parameter);
      return this.#send(bytes, bytes);
    }
    const partBytes = bytes / ranks;
    const [only] = parameters;
    if (parameters.length === 1 && only !== undefined) {
      this.#allocate(only);
      // The collective holds its input until it is waited for.
      if (offload !== "none") this.#inputs.set(only, this.#part(only));
    } else {
      // One buffer for all, from which each is copied when the first is needed; it is freed with the last.
      const flat = this.#buffer("gathered together", bytes);
      const bucket = { parameters, flat, pending: new Set(parameters) };
      for (const parameter of parameters) this.#buckets.set(parameter, bucket);
      if (offload !== "none") this.#tape.free(...parameters.map((each) => this.#part(each)));
    }
    // gloo gathers into a buffer of its own.
    if (isCpu) this.#tape.free(this.#buffer("gathered by gloo", bytes));
    if (offload === "cpu") this.#bring(parameters.length, partBytes);
    // The parts of several are copied into the buffer.
    if (parameters.length > 1) this.#copy(1, partBytes);
    if (offload === "nvme") this.#send(bytes, bytes);
    else this.#send(bytes, partBytes * (ranks - 1), "device");
  }

  wait(parameter: ZeroWeight): void {
    const input = this.#inputs.get(parameter);
    if (input !== undefined) this.#tape.free(input);
    this.#inputs.delete(parameter);
    const bucket = this.#buckets.get(parameter);
    if (bucket === undefined) return;
    if (bucket.pending.size === bucket.parameters.length) {
      let bytes = 0;
      for (const each of bucket.parameters) {
        this.#allocate(each);
        bytes += this.#wholeBytes(each);
      }
      this.#copy(bucket.parameters.length, bytes);
    }
    bucket.pending.delete(parameter);
    this.#buckets.delete(parameter);
    if (bucket.pending.size === 0) this.#tape.free(bucket.flat);
  }

  release(parameter: ZeroWeight): void {
    const handle = this.#whole.get(parameter);
    if (handle === undefined) return;
    this.#tape.free(handle);
    this.#whole.delete(parameter);
  }

  /** A parameter as it is gathered: in equal parts, the last one padded. */
  #wholeBytes({ partBytes }: ZeroWeight): number {
    return partBytes * this.#partitioning.ranks;
  }

  #allocate(parameter: ZeroWeight): void {
    const bytes = this.#wholeBytes(parameter);
    const lent = this.#lends && this.#partitioning.dropped?.has(parameter) !== true;
    this.#whole.set(parameter, this.#buffer(`${parameter.name} (gathered)`, bytes, lent));
  }

  /** This rank's part of an offloaded parameter, copied to the device. */
  #part({ name, partBytes }: ZeroWeight): number {
    return this.#buffer(`${name} (part)`, partBytes);
  }

  #buffer(name: string, bytes: number, lent = false): number {
    return this.#sink.allocate({
      device: 0,
      name,
      category: "communication",
      bytes,
      ...this.#stream,
      ...(lent ? { lent } : {}),
    });
  }

  /** Offloaded parts come over a link that is this rank's own, and the host waits for them (`Tensor.to`). */
  #bring(launches: number, bytes: number): void {
    this.#sink.run({
      device: 0,
      name: "parts to the device",
      flops: 0,
      bytes,
      launches,
      link: "host",
      linkBytes: bytes,
      // On the stream of the computation they would wait for that.
      ...(this.#partitioning.overlaps ? { isAwaited: true } : {}),
    });
  }

  /** Parts into a buffer, and parameters out of one: beside the computation where gathers have a stream. */
  #copy(launches: number, bytes: number): void {
    if (this.#partitioning.overlaps) return;
    this.#sink.run({ device: 0, name: "cat", flops: 0, bytes: 2 * bytes, launches });
  }

  #send(bytes: number, linkBytes: number, link: Link = LINKS[this.#partitioning.offload]): void {
    this.#sink.run({
      device: 0,
      name: "all_gather",
      flops: 0,
      bytes,
      launches: 1,
      isCollective: this.#partitioning.ranks > 1,
      link,
      linkBytes,
    });
  }
}
