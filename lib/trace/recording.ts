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

/** Numbers of a pass, which the workload decides. */
export interface PassNumbers {
  /** Of each allocation. */
  readonly bytes: number[];
  /** FLOPs, bytes and link bytes of each operation in turn. */
  readonly terms: number[];
}

/** The part of a trace between two `beginPhase`. */
export interface RecordedPass extends PassNumbers {
  readonly phase: Phase;
  readonly step: number;
  /** `index << KIND_BITS | kind` */
  readonly events: number[];
  /** What was allocated; the bytes that count are in `bytes`. */
  readonly tensors: Tensor[];
  readonly earlier: EarlierTensor[];
  /** What ran; the numbers that count are in `terms`. */
  readonly operations: Operation[];
}

/**
 * Keeps a trace. Most passes allocate and run what the pass before did, but for the numbers: then they hold the same
 * objects, so that a trace of tens of thousands of events leaves few behind.
 */
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
    const before = this.passes.at(-2)?.tensors[index];
    pass.tensors.push(before !== undefined && sameTensor(before, tensor) ? before : tensor);
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
    const index = pass.operations.length;
    pass.events.push(index << KIND_BITS | RUN);
    const before = this.passes.at(-2)?.operations[index];
    pass.operations.push(
      before !== undefined && sameOperation(before, operation) ? before : operation,
    );
    pass.terms.push(operation.flops, operation.bytes, operation.linkBytes ?? 0);
  }

  /** The allocation of a handle: index of the pass, and among the allocations of the pass. */
  placeOf(handle: number): readonly [pass: number, index: number] {
    return [this.#passOf[handle] ?? NaN, this.#indexOf[handle] ?? NaN];
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
    left.operations.every((operation, index) => sameOperation(operation, right.operations[index]));
}

/** Whether two operations differ in nothing but their numbers. */
export function sameOperation(left: Operation, right: Operation | undefined): boolean {
  return left === right || right !== undefined &&
      left.device === right.device && left.name === right.name && left.kind === right.kind &&
      left.launches === right.launches && left.link === right.link &&
      left.isReplayed === right.isReplayed && left.isCollective === right.isCollective &&
      left.isAwaited === right.isAwaited;
}

/** Whether two tensors differ in nothing but their size. */
export function sameTensor(left: Tensor, right: Tensor | undefined): boolean {
  return left === right || right !== undefined &&
      left.device === right.device && left.name === right.name &&
      left.category === right.category && left.outside === right.outside &&
      left.stream === right.stream && left.lent === right.lent &&
      left.lasts === right.lasts;
}

/** Whether two passes allocate the same tensors in the same order, sizes aside. */
export function sameTensors(left: Events, right: Events): boolean {
  return left.phase === right.phase && left.tensors.length === right.tensors.length &&
    left.tensors.every((tensor, index) => sameTensor(tensor, right.tensors[index]));
}
