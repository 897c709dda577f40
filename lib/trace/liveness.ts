/** Which tensors live when a repeated step of a program begins. */
import { MAX_AGE, type Program, type ProgramPass } from "./program.ts";
import { ALLOCATE, FREE_OWN, KIND_BITS, KIND_MASK, RUN } from "./recording.ts";
import type { Tensor } from "./trace.ts";

/** A tensor that lives when a repeated step begins, by where it was allocated. */
export interface LiveTensor {
  readonly tensor: Tensor;
  /** Index of its size in the sizes of the program. */
  readonly size: number;
  /** Steps ago, for one that a repeated step allocated. */
  readonly age?: number;
  /** Index among the passes that are not repeated, for any other. */
  readonly pass?: number;
}

/**
 * Follows the program into its repetition until every step begins with the same.
 *
 * @returns undefined where steps leave tensors behind for good, so that no two begin with the same.
 */
export function liveAtRepeated(program: Program): LiveTensor[] | undefined {
  const { passes, repeated } = program;
  if (repeated === undefined) return undefined;
  const settled = MAX_AGE + 1;
  const played = [...passes, ...Array.from({ length: settled }, () => repeated)];
  const live = played.map(({ tensors }) => new Uint8Array(tensors.length));
  for (const [index, pass] of played.entries()) play(pass, index, live);
  const found: LiveTensor[] = [];
  for (const [index, pass] of played.entries()) {
    const age = played.length - index;
    for (const [place, isLive] of (live[index] as Uint8Array).entries()) {
      if (isLive === 0) continue;
      if (pass === repeated && age > MAX_AGE) return undefined;
      found.push({
        tensor: pass.tensors[place] as Tensor,
        size: pass.sizeOf[place] as number,
        ...(pass === repeated ? { age } : { pass: index }),
      });
    }
  }
  return found;
}

function play(pass: ProgramPass, index: number, live: readonly Uint8Array[]): void {
  for (const event of pass.events) {
    const kind = event & KIND_MASK;
    const place = event >> KIND_BITS;
    if (kind === ALLOCATE) (live[index] as Uint8Array)[place] = 1;
    else if (kind === FREE_OWN) (live[index] as Uint8Array)[place] = 0;
    else if (kind !== RUN) {
      const { age, index: there } = pass.earlier[place] as ProgramPass["earlier"][number];
      (live[index - age] as Uint8Array)[there] = 0;
    }
  }
}
