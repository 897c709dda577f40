/** Runs the clocks along a program: each distinct operation of a pass is looked at once. */
import type { Program, ProgramPass } from "../trace/program.ts";
import { OPERATION_TERMS } from "../trace/recording.ts";
import type { Operation } from "../trace/trace.ts";
import type { Clock } from "./clock.ts";

/** Operations of a pass that differ, and the order in which they run. */
interface Distinct {
  readonly operations: readonly Operation[];
  readonly terms: readonly Int32Array[];
  readonly order: Int32Array;
}

const DISTINCT = new WeakMap<ProgramPass, Distinct>();

/** Runs prefill, first and last decode step, as the clock would find them in a trace. */
export function runProgram(program: Program, batch: number, clock: Clock): void {
  const { passes, repeated, decodeSteps, sizes } = program;
  const last = repeated ?? passes.at(-1);
  const values = new Float64Array(sizes.length);
  for (const pass of [...passes, ...repeated === undefined ? [] : [repeated]]) {
    // A first generation that does more is not timed.
    if (pass.phase === "warmup" || pass.phase === "capture") continue;
    const isBetween = pass.phase === "decode" && pass.step !== 1 && pass !== last;
    if (isBetween) continue;
    const step = pass === repeated ? decodeSteps : pass.step;
    sizes.evaluate(batch, step, values);
    clock.beginPhase(pass.phase);
    const { operations, terms, order } = distinctOf(pass);
    const evaluated = operations.map((operation, index) => {
      const [flops, bytes, linkBytes] = terms[index] as Int32Array;
      return {
        ...operation,
        flops: values[flops ?? 0] ?? 0,
        bytes: values[bytes ?? 0] ?? 0,
        ...(operation.link === undefined ? {} : { linkBytes: values[linkBytes ?? 0] ?? 0 }),
      };
    });
    clock.runAll(evaluated, order);
  }
}

function distinctOf(pass: ProgramPass): Distinct {
  let known = DISTINCT.get(pass);
  if (known !== undefined) return known;
  const places = new Map<string, number>();
  const operations: Operation[] = [];
  const terms: Int32Array[] = [];
  const order = Int32Array.from(pass.operations, (operation, index) => {
    const start = OPERATION_TERMS * index;
    const its = pass.termOf.subarray(start, start + OPERATION_TERMS);
    const { kind, launches, link, isReplayed, isCollective, isAwaited } = operation;
    const key =
      `${its.join()} ${kind} ${launches} ${link} ${isReplayed} ${isCollective} ${isAwaited}`;
    let place = places.get(key);
    if (place === undefined) {
      place = operations.length;
      places.set(key, place);
      operations.push(operation);
      terms.push(its);
    }
    return place;
  });
  known = { operations, terms, order };
  DISTINCT.set(pass, known);
  return known;
}
