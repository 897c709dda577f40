/** The compiled programs of placements, made when a workload asks for one. */
import type { Placement, Workload } from "../strategy/strategy.ts";
import { ProgramSums } from "../memory/program_peaks.ts";
import { DeviceReplay } from "../memory/reserved.ts";
import { Program } from "../trace/program.ts";

/** A program and the views of it that interpreters take, made when one asks. */
export interface Compiled {
  readonly program: Program;
  /** Undefined where the program cannot be added up. */
  sums(): ProgramSums | undefined;
  /** What the allocator of a traced device sees. */
  replay(device: number): DeviceReplay;
}

/** By the function that writes the trace, which placements may share. */
const COMPILED = new WeakMap<Placement["trace"], Map<string, Compiled | undefined>>();

/** The programs of a placement: by lengths those of all batches from 2 on, by lengths and batch those of one. */
function programsOf({ trace }: Placement): Map<string, Compiled | undefined> {
  let known = COMPILED.get(trace);
  if (known === undefined) COMPILED.set(trace, known = new Map());
  return known;
}

function keyOf({ batchSize, promptTokens, newTokens }: Workload, isAlone: boolean): string {
  return `${promptTokens} ${newTokens} ${isAlone ? batchSize : "all"}`;
}

/** Whether there is a program of a workload already. */
export function hasProgram(placement: Placement, workload: Workload): boolean {
  const known = programsOf(placement);
  return known.has(keyOf(workload, false)) && workload.batchSize > 1 ||
    known.has(keyOf(workload, true));
}

/** Compiles for one batch, which takes a third of the time, where no other of the same lengths will be asked for. */
export function compileAlone(placement: Placement, workload: Workload): void {
  if (!hasProgram(placement, workload)) compile(placement, workload, true);
}

/** The program of a workload: one for all batches from 2 on, or for this batch alone where there is none. */
export function programOf(placement: Placement, workload: Workload): Compiled {
  if (!hasProgram(placement, workload)) compile(placement, workload, workload.batchSize === 1);
  const known = programsOf(placement);
  return known.get(keyOf(workload, true)) ??
    (workload.batchSize > 1 ? known.get(keyOf(workload, false)) : undefined) ??
    withViews(Program.record(placement, workload, workload.batchSize));
}

function compile(placement: Placement, workload: Workload, isAlone: boolean): void {
  const { batchSize, promptTokens, newTokens } = workload;
  const program = Program.compile(placement, { promptTokens, newTokens }, batchSize, isAlone);
  programsOf(placement).set(keyOf(workload, isAlone), program && shared(program));
}

/** What interpreters were asked of programs that are still in use: two that are equal share it. */
const DISTINCT = new Set<WeakRef<Compiled>>();

function shared(program: Program): Compiled {
  for (const reference of DISTINCT) {
    const other = reference.deref();
    if (other === undefined) DISTINCT.delete(reference);
    else if (other.program.equals(program)) return other;
  }
  const compiled = withViews(program);
  DISTINCT.add(new WeakRef(compiled));
  return compiled;
}

function withViews(program: Program): Compiled {
  let sums: { readonly value: ProgramSums | undefined } | undefined;
  let replays: Map<number, DeviceReplay> | undefined;
  return {
    program,
    sums: () => (sums ??= { value: ProgramSums.of(program) }).value,
    replay(device) {
      const found = (replays ??= DeviceReplay.of(program)).get(device);
      if (found === undefined) throw new Error(`Cannot replay device ${device}: not in the trace`);
      return found;
    },
  };
}
