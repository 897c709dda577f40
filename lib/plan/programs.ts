/** The compiled programs of placements, made when a workload asks for one. */
import type { Placement, Workload } from "../strategy/strategy.ts";
import { ProgramSums } from "../memory/program_peaks.ts";
import { DeviceReplay } from "../memory/reserved.ts";
import { Program } from "../trace/program.ts";

/** A program and the views of it that interpreters take, made when one asks. */
export interface Compiled {
  readonly program: Program;
  /** By traced device. */
  readonly replays: Map<number, DeviceReplay>;
  /** At most one: undefined where the program cannot be added up. */
  readonly sums: (ProgramSums | undefined)[];
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
    known.set(key, program && withoutViews(program));
  }
  return known.get(key) ??
    withoutViews(Program.record(placement, lengths, batchSize));
}

function withoutViews(program: Program): Compiled {
  return { program, replays: new Map(), sums: [] };
}

/** The sums of a program. */
export function sumsOf({ program, sums }: Compiled): ProgramSums | undefined {
  if (sums.length === 0) sums.push(ProgramSums.of(program));
  return sums[0];
}

/** What the allocator of a device sees of a program; devices that are asked for the same share one replay. */
export function replayOf({ program, replays }: Compiled, device: number): DeviceReplay {
  let replay = replays.get(device);
  if (replay === undefined) {
    const own = new DeviceReplay(program, device);
    replay = replays.values().find((other) => other.isLike(own)) ?? own;
    replays.set(device, replay);
  }
  return replay;
}
