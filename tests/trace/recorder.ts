/** A sink that keeps what it is told, and complains about a trace that no program could write. */
import type { Operation, Phase, Tensor, TraceSink } from "../../lib/trace/trace.ts";

/** One thing that happened. */
export type RecordedEvent =
  | { readonly kind: "phase"; readonly phase: Phase; readonly step: number }
  | { readonly kind: "allocate"; readonly tensor: Tensor; readonly handle: number }
  | { readonly kind: "free"; readonly handle: number }
  | { readonly kind: "run"; readonly operation: Operation };

/** Keeps every event in order. */
export class Recorder implements TraceSink {
  readonly events: RecordedEvent[] = [];
  readonly live = new Map<number, Tensor>();
  #handles = 0;

  beginPhase(phase: Phase, step: number): void {
    this.events.push({ kind: "phase", phase, step });
  }

  allocate(tensor: Tensor): number {
    const handle = this.#handles++;
    this.live.set(handle, tensor);
    this.events.push({ kind: "allocate", tensor, handle });
    return handle;
  }

  free(handle: number): void {
    if (!this.live.delete(handle)) throw new Error(`Cannot free handle ${handle}: it is not alive`);
    this.events.push({ kind: "free", handle });
  }

  run(operation: Operation): void {
    this.events.push({ kind: "run", operation });
  }

  /** Tensors that were allocated, in order. */
  tensors(): Tensor[] {
    return this.events.flatMap((event) => event.kind === "allocate" ? [event.tensor] : []);
  }

  /** Operations in order. */
  operations(): Operation[] {
    return this.events.flatMap((event) => event.kind === "run" ? [event.operation] : []);
  }
}
