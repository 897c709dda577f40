/** Passes a trace on and counts what a device holds, for allocations that depend on the memory that is free. */
import type { Operation, Phase, Tensor, TraceSink } from "./trace.ts";

export class HeldBytes implements TraceSink {
  /** Of the device, at this moment. */
  bytes = 0;
  readonly #sink: TraceSink;
  readonly #device: number;
  readonly #live = new Map<number, number>();

  constructor(sink: TraceSink, device: number) {
    this.#sink = sink;
    this.#device = device;
  }

  beginPhase(phase: Phase, step: number): void {
    this.#sink.beginPhase(phase, step);
  }

  allocate(tensor: Tensor): number {
    const handle = this.#sink.allocate(tensor);
    if (tensor.device === this.#device) {
      this.bytes += tensor.bytes;
      this.#live.set(handle, tensor.bytes);
    }
    return handle;
  }

  free(handle: number): void {
    this.bytes -= this.#live.get(handle) ?? 0;
    this.#live.delete(handle);
    this.#sink.free(handle);
  }

  run(operation: Operation): void {
    this.#sink.run(operation);
  }
}
