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

const COMPILED = new WeakMap<Placement, Map<string, Compiled | undefined>>();

/** The program of a workload: one for all batches from 2 on, or for this batch alone where there is none. */
export function programOf(placement: Placement, workload: Workload): Compiled {
  const { batchSize, promptTokens, newTokens } = workload;
  const lengths = { promptTokens, newTokens };
  let known = COMPILED.get(placement);
  if (known === undefined) COMPILED.set(placement, known = new Map());
  const key = `${promptTokens} ${newTokens} ${batchSize === 1}`;
  if (!known.has(key)) {
    const program = Program.compile(placement, lengths, batchSize);
    known.set(key, program && shared(program));
  }
  return known.get(key) ??
    withViews(Program.record(placement, lengths, batchSize));
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
