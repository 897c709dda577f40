/**
 * Shared memory of DeepSpeed's all-reduce on CPUs (csrc/cpu/comm/shm.cpp): each rank makes one segment with two buffers
 * for small and two for large messages, and writes all of it before the others map it.
 */
import { HOST, type TraceSink } from "../../trace/trace.ts";

/** `NAIVE_ALLREDUCE_THRESHOLD`. */
const SMALL_BYTES = 2 ** 20;
/** `MAX_BUF_SIZE`. */
const LARGE_BYTES = 32 * 2 ** 20;

/** Writes the segment of one rank; a single rank has nobody to share with. */
export function traceSharedBuffers(ranks: number, sink: TraceSink): void {
  if (ranks === 1) return;
  sink.allocate({
    device: HOST,
    name: "shared buffers of the all-reduce",
    category: "workspace",
    bytes: 2 * (SMALL_BYTES + LARGE_BYTES),
  });
}
