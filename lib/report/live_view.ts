/** The live area of a run on a terminal: three lines, from the state and the clock alone. */
import type { Plan, PlanCell } from "../plan/plan.ts";
import { formatGib, formatSeconds, plural } from "./bytes.ts";
import { type LiveState, predictedCellSeconds, remainingSeconds } from "./live_state.ts";

/** The lines, each cut to the width. */
export function liveLines(
  state: LiveState,
  plan: Pick<Plan, "benchmark">,
  { nowMs, columns }: { readonly nowMs: number; readonly columns: number },
): string[] {
  const cellSeconds = (cell: PlanCell) => predictedCellSeconds(cell, plan);
  return [nowLine(state, cellSeconds, nowMs), memoryLine(state), gridLine(state, cellSeconds)]
    .map((line) => [...line].slice(0, columns - 1).join(""));
}

function nowLine(
  state: LiveState,
  cellSeconds: (cell: PlanCell) => number | null,
  nowMs: number,
): string {
  const seconds = (nowMs - state.sinceMs) / 1000;
  switch (state.phase) {
    case "start":
      return `preparing, ${elapsed(seconds, null)}`;
    case "load":
      return `${state.session?.id ?? ""}: loading, ${elapsed(seconds, state.predictedLoadSeconds)}`;
    case "cell":
      return state.cell === null
        ? ""
        : `${state.cell.id}: running, ${elapsed(seconds, cellSeconds(state.cell))}`;
    case "idle":
      return `${state.session?.id ?? ""}: between cells`;
  }
}

/** Predicted beside elapsed: where it takes longer, one sees by how much. */
function elapsed(seconds: number, predicted: number | null): string {
  const now = `${Math.floor(seconds)} s`;
  return predicted === null ? now : `${now} of ${formatSeconds(predicted)} predicted`;
}

function memoryLine({ peakBytes, capacityBytes, session }: LiveState): string {
  if (session === null) return "";
  const processes = plural(session.worldSize, "process", "processes");
  if (peakBytes === null) return `  ${processes}`;
  const of = capacityBytes === null
    ? " GiB"
    : ` of ${formatGib(capacityBytes)} GiB (${Math.round(100 * peakBytes / capacityBytes)}%)`;
  return `  ${processes}, memory ${formatGib(peakBytes)}${of}`;
}

function gridLine(state: LiveState, cellSeconds: (cell: PlanCell) => number | null): string {
  const counts = Object.entries(state.counts).map(([status, count]) => `${count} ${status}`);
  const left = remainingSeconds(state, cellSeconds);
  const eta = left === null || state.left.length === 0 ? [] : [`about ${duration(left)} left`];
  return `  ${[`${state.done}/${state.total} cells`, ...counts, ...eta].join(", ")}`;
}

function duration(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 360) / 10} h`;
}
