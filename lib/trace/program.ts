/**
 * A trace compiled for many workloads: which events a placement writes for prompts and outputs of some length, with
 * every size as an affine function of the batch and of the decode step. It is fitted to a few recorded traces and
 * then writes, or lets interpreters read, the trace of any batch without walking through the model again.
 *
 * The fit is checked, not assumed: a recording of a very large batch must come out exactly, and decode steps must
 * repeat; where one does not, there is no program, and the placement itself must be asked.
 */
import type { Placement, Workload } from "../strategy/strategy.ts";
import {
  ALLOCATE,
  FREE_OWN,
  KIND_BITS,
  KIND_MASK,
  OPERATION_TERMS,
  type PassNumbers,
  type RecordedPass,
  Recording,
  RUN,
  sameEvents,
  sameTensors,
} from "./recording.ts";
import { SecondRecording } from "./second_recording.ts";
import { sameNumbers, Sizes } from "./sizes.ts";
import type { Operation, Tensor, TraceSink } from "./trace.ts";

/** Decode steps that are recorded: two that may be unlike the others, and two of which each later one is a copy. */
const RECORDED_STEPS = 4;
/** Most steps that a tensor may live into in a repeated step. */
export const MAX_AGE = 3;
/** The batch whose trace must come out of the fit. */
const CHECKED_BATCH = 4096;

/** A pass whose sizes are functions of batch and step. */
export interface ProgramPass
  extends Pick<RecordedPass, "phase" | "step" | "tensors" | "earlier" | "operations"> {
  readonly events: Int32Array;
  /** Index into `sizes` of each allocation. */
  readonly sizeOf: Int32Array;
  /** Index into `sizes` of the terms of each operation, in turn. */
  readonly termOf: Int32Array;
}

/** Lengths of a workload; the batch is left open. */
export type Lengths = Omit<Workload, "batchSize" | "decodeSteps">;

export class Program {
  readonly newTokens: number;
  readonly sizes: Sizes;
  /** All passes but the repeated ones. */
  readonly passes: readonly ProgramPass[];
  /** The pass of every decode step that is not in `passes`; frees what the step before left. */
  readonly repeated: ProgramPass | undefined;

  private constructor(
    newTokens: number,
    sizes: Sizes,
    passes: readonly ProgramPass[],
    repeated: ProgramPass | undefined,
  ) {
    this.newTokens = newTokens;
    this.sizes = sizes;
    this.passes = passes;
    this.repeated = repeated;
  }

  /**
   * Compiles what a placement writes for some lengths.
   *
   * @param batch One sequence may take other paths than several, so 1 gets a program of its own; any other batch
   * stands for all from 2 on.
   * @param isAlone Whether the program is for this batch only, which takes one trace instead of three.
   * @returns undefined where the traces are not affine.
   */
  static compile(
    placement: Placement,
    lengths: Lengths,
    batch: number,
    isAlone = batch === 1,
  ): Program | undefined {
    const [alone = 1, ...more] = isAlone ? [batch] : [2, 3, CHECKED_BATCH];
    const recording = new Recording();
    traceFirst(placement, lengths, alone, recording);
    const others = more.map((batchSize) => {
      const other = new SecondRecording(recording);
      traceFirst(placement, lengths, batchSize, other);
      return other;
    });
    if (others.some(({ isSame }) => !isSame)) return undefined;
    const first = recording.passes;
    const [second = first, ...checks] = others.map(({ passes }) => passes);
    const sizes = new Sizes(alone, isAlone ? 0 : 1);
    const passes = first.map((pass, index) => fixedPass(pass, second[index] ?? pass, sizes));
    let repeated: ProgramPass | undefined;
    if (lengths.newTokens - 1 > RECORDED_STEPS) {
      if (!repeatsItself(first)) return undefined;
      const corners = [first.at(-2), first.at(-1), second.at(-2), second.at(-1)];
      if (corners.some((pass) => pass === undefined)) return undefined;
      repeated = repeatedPass(corners as unknown as Corners, sizes);
      passes.length -= 1;
    }
    const program = new Program(lengths.newTokens, sizes, passes, repeated);
    const steps = first.map(({ step }) => step);
    const isRight = checks.every((check) => program.#reproduces(check, steps, CHECKED_BATCH));
    return isRight ? program : undefined;
  }

  /** What a placement writes for one batch, recorded step by step: for placements that cannot be compiled. */
  static record(placement: Placement, lengths: Lengths, batchSize: number): Program {
    const recording = new Recording();
    placement.trace({ ...lengths, batchSize, decodeSteps: "every" }, recording);
    const sizes = new Sizes(batchSize, 0);
    const passes = recording.passes.map((pass) => fixedPass(pass, pass, sizes));
    return new Program(lengths.newTokens, sizes, passes, undefined);
  }

  /**
   * Whether both write the same trace for every batch, names included: what an interpreter finds in one is then true
   * of the other. Placements that differ in what a trace does not show (the allocator, one of two dtypes of 16 bits)
   * have such programs.
   */
  equals(other: Program): boolean {
    const mine = this.#allPasses;
    const theirs = other.#allPasses;
    return this.newTokens === other.newTokens && mine.length === theirs.length &&
      (this.repeated === undefined) === (other.repeated === undefined) &&
      this.sizes.equals(other.sizes) &&
      mine.every((pass, index) => samePass(pass, theirs[index] as ProgramPass));
  }

  get #allPasses(): readonly ProgramPass[] {
    return this.repeated === undefined ? this.passes : [...this.passes, this.repeated];
  }

  /** Number of decode steps. */
  get decodeSteps(): number {
    return this.newTokens - 1;
  }

  /** First decode step that `repeated` writes. */
  get firstRepeated(): number {
    return RECORDED_STEPS;
  }

  /** Writes the trace of a batch with every decode step, as the placement would. */
  write(batch: number, sink: TraceSink): void {
    const values = new Float64Array(this.sizes.length);
    const handles: number[][] = [];
    for (const pass of this.passes) {
      this.sizes.evaluate(batch, pass.step, values);
      writePass(pass, values, handles, sink);
    }
    if (this.repeated === undefined) return;
    for (let step = this.firstRepeated; step <= this.decodeSteps; step++) {
      this.sizes.evaluate(batch, step, values);
      writePass({ ...this.repeated, step }, values, handles, sink);
    }
  }

  #reproduces(
    recorded: readonly PassNumbers[],
    steps: readonly number[],
    batch: number,
  ): boolean {
    const values = new Float64Array(this.sizes.length);
    return recorded.every((pass, index) => {
      const mine = this.passes[index] ?? this.repeated;
      if (mine === undefined) return false;
      this.sizes.evaluate(batch, steps[index] ?? 0, values);
      return pass.bytes.every((bytes, i) => bytes === values[mine.sizeOf[i] as number]) &&
        pass.terms.every((term, i) => isNear(term, values[mine.termOf[i] as number] as number));
    });
  }
}

function samePass(left: ProgramPass, right: ProgramPass): boolean {
  return left.step === right.step && sameNumbers(left.sizeOf, right.sizeOf) &&
    sameNumbers(left.termOf, right.termOf) && sameEvents(left, right);
}

/** FLOPs of a very large batch are beyond exact integers. */
function isNear(a: number, b: number): boolean {
  return Math.abs(a - b) <= 1e-9 * Math.abs(a);
}

/** Writes a trace up to the last decode step that is recorded. */
function traceFirst(
  placement: Placement,
  lengths: Lengths,
  batchSize: number,
  sink: TraceSink,
): void {
  placement.trace({ ...lengths, batchSize, decodeSteps: { first: RECORDED_STEPS } }, sink);
}

function fixedPass(pass: RecordedPass, other: PassNumbers, sizes: Sizes): ProgramPass {
  return {
    ...pass,
    events: new Int32Array(pass.events),
    sizeOf: lines(pass.bytes, other.bytes, sizes),
    termOf: lines(pass.terms, other.terms, sizes),
  };
}

function lines(column: readonly number[], other: readonly number[], sizes: Sizes): Int32Array {
  const found = new Int32Array(column.length);
  for (let i = 0; i < found.length; i++) {
    found[i] = sizes.inBatch(column[i] as number, other[i] ?? NaN);
  }
  return found;
}

/** Two steps with one batch, and the same with another. */
type Corners = readonly [RecordedPass, RecordedPass, PassNumbers, PassNumbers];

/**
 * Whether the last recorded step is a copy of the one before, and frees only what steps of its kind left: then the
 * next one does the same.
 */
function repeatsItself(passes: readonly RecordedPass[]): boolean {
  const last = passes.at(-1);
  const before = passes.at(-2);
  if (last === undefined || before === undefined || !sameEvents(before, last)) return false;
  return last.earlier.every(({ age }) => {
    const from = passes.at(-1 - age);
    return age <= MAX_AGE && from !== undefined && sameTensors(from, last);
  });
}

function repeatedPass(corners: Corners, sizes: Sizes): ProgramPass {
  const [early, late, earlyMore, lateMore] = corners;
  const fit = (column: "bytes" | "terms") => {
    const found = new Int32Array(late[column].length);
    for (let i = 0; i < found.length; i++) {
      found[i] = sizes.inBatchAndStep(
        late.step,
        early[column][i] ?? NaN,
        late[column][i] as number,
        earlyMore[column][i] ?? NaN,
        lateMore[column][i] ?? NaN,
      );
    }
    return found;
  };
  return {
    ...late,
    events: new Int32Array(late.events),
    sizeOf: fit("bytes"),
    termOf: fit("terms"),
  };
}

function writePass(
  pass: ProgramPass,
  values: Float64Array,
  handles: number[][],
  sink: TraceSink,
): void {
  const own: number[] = [];
  handles.push(own);
  sink.beginPhase(pass.phase, pass.step);
  for (const event of pass.events) {
    const index = event >> KIND_BITS;
    const kind = event & KIND_MASK;
    if (kind === ALLOCATE) {
      const tensor = pass.tensors[index] as Tensor;
      const bytes = values[pass.sizeOf[index] as number] as number;
      own.push(sink.allocate({ ...tensor, bytes }));
    } else if (kind === FREE_OWN) sink.free(own[index] as number);
    else if (kind === RUN) {
      const operation = pass.operations[index] as Operation;
      const term = (offset: number) =>
        values[pass.termOf[OPERATION_TERMS * index + offset] as number] as number;
      const linkBytes = operation.link === undefined ? {} : { linkBytes: term(2) };
      sink.run({ ...operation, flops: term(0), bytes: term(1), ...linkBytes });
    } else {
      const { age, index: place } = pass.earlier[index] as ProgramPass["earlier"][number];
      sink.free((handles[handles.length - 1 - age] as number[])[place] as number);
    }
  }
}
