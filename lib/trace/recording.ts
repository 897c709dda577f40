/** A trace as columns: what a sink was told, pass by pass, to be compared and fitted. */
import { sameNumbers } from "./sizes.ts";
import type { Operation, Phase, Tensor, TraceSink } from "./trace.ts";

/** What an event of a pass is; its number is an index into the columns that the comment names. */
export const ALLOCATE = 0; // allocations of the pass
export const FREE_OWN = 1; // allocations of the pass
export const FREE_EARLIER = 2; // `earlier` of the pass
export const RUN = 3; // operations of the pass

/** Bits of an event's code below its index. */
export const KIND_BITS = 2;
export const KIND_MASK = 3;

/** Numbers of an operation that depend on the workload. */
export const OPERATION_TERMS = 3;

/** A tensor of an earlier pass. */
export interface EarlierTensor {
  /** Passes back. */
  readonly age: number;
  /** Index among the allocations of that pass. */
  readonly index: number;
}

/** The part of a trace between two `beginPhase`. */
export interface RecordedPass {
  readonly phase: Phase;
  readonly step: number;
  /** `index << KIND_BITS | kind` */
  readonly events: number[];
  /** What was allocated; the bytes that count are in `bytes`. */
  readonly tensors: Tensor[];
  readonly bytes: number[];
  readonly earlier: EarlierTensor[];
  /** What ran; the numbers that count are in `terms`. */
  readonly operations: Operation[];
  /** FLOPs, bytes and link bytes of each operation in turn. */
  readonly terms: number[];
}

/** Keeps a trace. */
export class Recording implements TraceSink {
  readonly passes: RecordedPass[] = [];
  /** Pass and index of the allocation of each handle. */
  readonly #passOf: number[] = [];
  readonly #indexOf: number[] = [];

  beginPhase(phase: Phase, step: number): void {
    this.passes.push({
      phase,
      step,
      events: [],
      tensors: [],
      bytes: [],
      earlier: [],
      operations: [],
      terms: [],
    });
  }

  allocate(tensor: Tensor): number {
    const pass = this.#pass();
    const index = pass.tensors.length;
    pass.events.push(index << KIND_BITS | ALLOCATE);
    pass.tensors.push(tensor);
    pass.bytes.push(tensor.bytes);
    this.#passOf.push(this.passes.length - 1);
    this.#indexOf.push(index);
    return this.#indexOf.length - 1;
  }

  free(handle: number): void {
    const pass = this.#pass();
    const age = this.passes.length - 1 - (this.#passOf[handle] ?? -1);
    const index = this.#indexOf[handle] ?? -1;
    if (age === 0) {
      pass.events.push(index << KIND_BITS | FREE_OWN);
      return;
    }
    pass.events.push(pass.earlier.length << KIND_BITS | FREE_EARLIER);
    pass.earlier.push({ age, index });
  }

  run(operation: Operation): void {
    const pass = this.#pass();
    pass.events.push(pass.operations.length << KIND_BITS | RUN);
    pass.operations.push(operation);
    pass.terms.push(operation.flops, operation.bytes, operation.linkBytes ?? 0);
  }

  #pass(): RecordedPass {
    const pass = this.passes.at(-1);
    if (pass === undefined) throw new Error("Cannot record an event before the first phase");
    return pass;
  }
}

/** A pass without its numbers. */
type Events = Pick<RecordedPass, "phase" | "tensors" | "earlier" | "operations"> & {
  readonly events: ArrayLike<number>;
};

/** Whether two passes do the same to tensors that may have other sizes. */
export function sameEvents(left: Events, right: Events): boolean {
  return sameNumbers(left.events, right.events) && sameTensors(left, right) &&
    left.earlier.every((tensor, index) => {
      const other = right.earlier[index];
      return tensor.age === other?.age && tensor.index === other.index;
    }) &&
    left.operations.every((operation, index) => {
      const other = right.operations[index];
      return operation.device === other?.device && operation.name === other.name &&
        operation.kind === other.kind && operation.launches === other.launches &&
        operation.link === other.link && operation.isReplayed === other.isReplayed &&
        operation.isCollective === other.isCollective;
    });
}

/** Whether two passes allocate the same tensors in the same order, sizes aside. */
export function sameTensors(left: Events, right: Events): boolean {
  return left.phase === right.phase && left.tensors.length === right.tensors.length &&
    left.tensors.every((tensor, index) => {
      const other = right.tensors[index];
      return tensor.device === other?.device && tensor.name === other.name &&
        tensor.category === other.category && tensor.outside === other.outside &&
        tensor.stream === other.stream && tensor.lent === other.lent;
    });
}
