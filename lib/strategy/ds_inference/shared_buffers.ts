/**
 * Shared memory of DeepSpeed's all-reduce on CPUs (csrc/cpu/comm/shm.cpp): each rank makes one segment with two buffers
 * for small and two for large messages, which take turns, and maps those of the others. A process counts the pages that
 * it touched of all of them (RssShmem): as far as the largest message of each kind reached.
 */
import { HOST, type TraceSink } from "../../trace/trace.ts";

/** `NAIVE_ALLREDUCE_THRESHOLD`: messages from it on are large. */
const SMALL_BYTES = 2 ** 20;
/** `MAX_BUF_SIZE`: longer messages are cut. */
const LARGE_BYTES = 32 * 2 ** 20;

export class SharedBuffers {
  readonly #ranks: number;
  readonly #sink: TraceSink;
  #small = 0;
  #large = 0;

  constructor(ranks: number, sink: TraceSink) {
    this.#ranks = ranks;
    this.#sink = sink;
  }

  /** Sums one message over the ranks; a single rank has nobody to share with. */
  reduce(bytes: number): void {
    const ranks = this.#ranks;
    if (ranks === 1) return;
    if (bytes < SMALL_BYTES) {
      // Each rank reads all of every rank's.
      this.#small = this.#grow("small", this.#small, 2 * bytes * ranks);
      return;
    }
    // Of the others a rank reads its own slice, and later the slice that each of them has summed.
    const segments = 1 + (ranks - 1) * Math.min(1, 2 / ranks);
    this.#large = this.#grow("large", this.#large, touched(bytes) * segments);
  }

  #grow(kind: string, from: number, to: number): number {
    if (to <= from) return from;
    this.#sink.allocate({
      device: HOST,
      name: `shared buffers of the all-reduce, ${kind} messages`,
      category: "workspace",
      bytes: to - from,
    });
    return to;
  }
}

/** Of the two large buffers of one segment: both by each message, but the parts of a message that is cut take turns. */
function touched(bytes: number): number {
  return bytes <= LARGE_BYTES ? 2 * bytes : Math.min(bytes, 2 * LARGE_BYTES);
}
