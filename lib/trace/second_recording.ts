/** A trace beside one that was recorded: whether it does the same, and its numbers. */
import {
  ALLOCATE,
  FREE_EARLIER,
  FREE_OWN,
  KIND_BITS,
  KIND_MASK,
  type PassNumbers,
  type RecordedPass,
  type Recording,
  RUN,
  sameOperation,
  sameTensor,
} from "./recording.ts";
import type { Operation, Phase, Tensor, TraceSink } from "./trace.ts";

/** Keeps nothing of a trace but its numbers; these end where it first does something else. */
export class SecondRecording implements TraceSink {
  readonly passes: PassNumbers[] = [];
  readonly #first: Recording;
  #isSame = true;
  /** The pass beside the current one, and its events so far. */
  #beside: RecordedPass | undefined;
  #events = 0;
  #handles = 0;

  constructor(first: Recording) {
    this.#first = first;
  }

  /** Whether the whole trace does what the other does, sizes and other numbers aside. */
  get isSame(): boolean {
    this.#endPass();
    return this.#isSame && this.passes.length === this.#first.passes.length;
  }

  beginPhase(phase: Phase, step: number): void {
    this.#endPass();
    const beside = this.#first.passes[this.passes.length];
    if (beside?.phase !== phase || beside.step !== step) this.#isSame = false;
    this.passes.push({ bytes: [], terms: [] });
    this.#beside = beside;
    this.#events = 0;
  }

  allocate(tensor: Tensor): number {
    const index = this.#next(ALLOCATE);
    const { beside, numbers } = this.#current();
    if (index === numbers.bytes.length && sameTensor(tensor, beside?.tensors[index])) {
      numbers.bytes.push(tensor.bytes);
    } else this.#isSame = false;
    return this.#handles++;
  }

  free(handle: number): void {
    const [pass, index] = this.#first.placeOf(handle);
    const age = this.passes.length - 1 - pass;
    const place = this.#next(age === 0 ? FREE_OWN : FREE_EARLIER);
    if (age === 0 && place === index) return;
    const earlier = this.#beside?.earlier[place];
    if (age === 0 || earlier?.age !== age || earlier.index !== index) this.#isSame = false;
  }

  run(operation: Operation): void {
    const index = this.#next(RUN);
    const { beside, numbers } = this.#current();
    if (!sameOperation(operation, beside?.operations[index])) this.#isSame = false;
    else numbers.terms.push(operation.flops, operation.bytes, operation.linkBytes ?? 0);
  }

  /** Index of the next event of the other trace; NaN where it is of another kind. */
  #next(kind: number): number {
    const event = this.#beside?.events[this.#events++];
    return event !== undefined && (event & KIND_MASK) === kind ? event >> KIND_BITS : NaN;
  }

  #current(): { beside: RecordedPass | undefined; numbers: PassNumbers } {
    return { beside: this.#beside, numbers: this.passes.at(-1) ?? { bytes: [], terms: [] } };
  }

  #endPass(): void {
    if (this.#beside !== undefined && this.#events !== this.#beside.events.length) {
      this.#isSame = false;
    }
  }
}
