/** Writes the tensors of a trace as words. */
import type { Tensor, TraceSink } from "../../../lib/trace/trace.ts";

/** Keeps `+name bytes` and `-name`. */
export class EventWriter implements TraceSink {
  readonly told: string[] = [];
  readonly #names: string[] = [];

  beginPhase(): void {}

  allocate({ name, bytes }: Tensor): number {
    this.told.push(`+${name} ${bytes}`);
    return this.#names.push(name) - 1;
  }

  free(handle: number): void {
    this.told.push(`-${this.#names[handle]}`);
  }

  run(): void {}
}
