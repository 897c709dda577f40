/** The live area of a run on a terminal: two lines a session and one for the grid, from the state and the clock alone. */
import type { Plan, PlanCell } from "../plan/plan.ts";
import { formatGib, formatSeconds, plural } from "./bytes.ts";
import { type Lane, type LiveState, predictedCellSeconds, remainingSeconds } from "./live_state.ts";

/** The lines, each cut to the width. */
export function liveLines(
  state: LiveState,
  plan: Pick<Plan, "benchmark">,
  { nowMs, columns }: { readonly nowMs: number; readonly columns: number },
): string[] {
  const cellSeconds = (cell: PlanCell) => predictedCellSeconds(cell, plan);
  const { lanes, capacityBytes } = state;
  const lines = lanes.length === 0
    ? [waitingLine(state, nowMs), ""]
    : lanes.flatMap((lane) => [nowLine(lane, cellSeconds, nowMs), memoryLine(lane, capacityBytes)]);
  return [...lines, gridLine(state, cellSeconds)]
    .map((line) => [...line].slice(0, columns - 1).join(""));
}

function waitingLine({ hasBegun, sinceMs }: LiveState, nowMs: number): string {
  return hasBegun ? "between sessions" : `preparing, ${elapsed((nowMs - sinceMs) / 1000, null)}`;
}

function nowLine(
  lane: Lane,
  cellSeconds: (cell: PlanCell) => number | null,
  nowMs: number,
): string {
  const seconds = (nowMs - lane.sinceMs) / 1000;
  switch (lane.phase) {
    case "load":
      return `${lane.session.id}: loading, ${elapsed(seconds, lane.predictedLoadSeconds)}`;
    case "cell":
      return lane.cell === null
        ? ""
        : `${lane.cell.id}: running, ${elapsed(seconds, cellSeconds(lane.cell))}`;
    case "idle":
      return `${lane.session.id}: between cells`;
  }
}

/** Predicted beside elapsed: where it takes longer, one sees by how much. */
function elapsed(seconds: number, predicted: number | null): string {
  const now = `${Math.floor(seconds)} s`;
  return predicted === null ? now : `${now} of ${formatSeconds(predicted)} predicted`;
}

function memoryLine({ peakBytes, session }: Lane, capacityBytes: number | null): string {
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
