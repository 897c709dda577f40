/**
 * What a generation leaves for its caller, which drops it before the next one begins, and what the process keeps: the
 * workspaces of cuBLAS.
 */
import { ALLOCATE, FREE_OWN, KIND_BITS, KIND_MASK } from "../trace/recording.ts";
import { MAX_AGE } from "../trace/program.ts";
import { CELL_PHASES } from "../trace/trace.ts";
import type { DevicePass } from "./device_passes.ts";
import type { DeviceProgram } from "./device_program.ts";

/** A tensor that lives when a generation has ended. */
export interface Leftover {
  /** Index of its pass, or passes from the end for one that a repeated step allocated (1: the last). */
  readonly pass: number;
  readonly isRepeated: boolean;
  /** Index among the allocations of its pass. */
  readonly index: number;
}

/** Index of the first pass of a generation; all are loading before. */
export function firstOfGeneration({ passes }: DeviceProgram): number {
  const first = passes.findIndex(({ phase }) => CELL_PHASES.includes(phase));
  return first < 0 ? passes.length : first;
}

/**
 * Follows the generation to its end; of repeated steps the last ones leave what any last ones would.
 *
 * @returns undefined where the same passes cannot be played again: the trace tells of two generations already, or
 * they free what loading left, or steps leave tensors behind for good.
 */
export function leftoversOf(program: DeviceProgram): Leftover[] | undefined {
  const { passes, repeated, firstRepeated, decodeSteps } = program;
  const first = firstOfGeneration(program);
  if (first === passes.length || passes.some(({ phase }) => phase === "warmup")) return undefined;
  const steps = repeated === undefined ? 0 : Math.max(0, decodeSteps - firstRepeated + 1);
  const played: DevicePass[] = [...passes];
  for (let step = 0; step < Math.min(steps, MAX_AGE + 1); step++) {
    played.push(repeated as DevicePass);
  }
  const live = played.map(({ sizeOf }) => new Uint8Array(sizeOf.length));
  for (const [index, pass] of played.entries()) {
    if (!follow(pass, index, live, first)) return undefined;
  }
  const found: Leftover[] = [];
  for (let at = first; at < played.length; at++) {
    const isRepeated = at >= passes.length;
    const pass = isRepeated ? played.length - at : at;
    const { lasts } = played[at] as DevicePass;
    for (const [index, isLive] of (live[at] as Uint8Array).entries()) {
      if (isLive === 0 || lasts?.[index] === 1) continue;
      if (isRepeated && pass > MAX_AGE) return undefined;
      found.push({ pass, isRepeated, index });
    }
  }
  return found;
}

/** @returns Whether what a pass of the generation frees is of the generation. */
function follow(
  { events, earlier }: DevicePass,
  at: number,
  live: readonly Uint8Array[],
  first: number,
): boolean {
  for (const event of events) {
    const kind = event & KIND_MASK;
    const place = event >> KIND_BITS;
    if (kind === ALLOCATE) (live[at] as Uint8Array)[place] = 1;
    else if (kind === FREE_OWN) (live[at] as Uint8Array)[place] = 0;
    else {
      const from = at - (earlier[2 * place] as number);
      if (at >= first && from < first) return false;
      (live[from] as Uint8Array)[earlier[2 * place + 1] as number] = 0;
    }
  }
  return true;
}

/**
 * The pass as a later generation plays it: what the process has kept is not allocated again.
 *
 * @param nothing Index of a size of no bytes.
 */
export function playedAgain(pass: DevicePass, nothing: number): DevicePass {
  const { lasts } = pass;
  if (lasts === undefined) return pass;
  return {
    ...pass,
    sizeOf: pass.sizeOf.map((size, index) => lasts[index] === 1 ? nothing : size),
  };
}
