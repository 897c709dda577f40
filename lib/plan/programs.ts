/** The compiled programs of placements, made when a workload asks for one. */
import type { Placement, Workload } from "../strategy/strategy.ts";
import { DeviceReplay } from "../memory/reserved.ts";
import { Program } from "../trace/program.ts";

/** A program and the views of it that allocators replay, by traced device. */
export interface Compiled {
  readonly program: Program;
  readonly replays: Map<number, DeviceReplay>;
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
    known.set(key, program && { program, replays: new Map() });
  }
  return known.get(key) ??
    { program: Program.record(placement, lengths, batchSize), replays: new Map() };
}

/** What the allocator of a device sees of a program. */
export function replayOf({ program, replays }: Compiled, device: number): DeviceReplay {
  let replay = replays.get(device);
  if (replay === undefined) replays.set(device, replay = new DeviceReplay(program, device));
  return replay;
}
