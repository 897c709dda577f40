/** Where a run is, folded from what happens: what a live view shows. Pure: the clock comes in. */
import type { Plan, PlanCell } from "../plan/plan.ts";
import type { CellStatus } from "../run/protocol.ts";
import type { Progress } from "../run/progress.ts";

/** One moment of a run. */
export interface LiveState {
  /** The cell in flight; null between cells. */
  readonly cell: PlanCell | null;
  /** `start` before the first session, `load` until its ranks are ready, `cell` in a cell, `idle` between. */
  readonly phase: "start" | "load" | "cell" | "idle";
  /** When the phase began. */
  readonly sinceMs: number;
  readonly session: { readonly id: string; readonly worldSize: number } | null;
  /** Predicted seconds of the load; null when there is no prediction. */
  readonly predictedLoadSeconds: number | null;
  /** Highest device bytes that a rank has told in this phase; null when none has. */
  readonly peakBytes: number | null;
  readonly capacityBytes: number | null;
  readonly counts: Readonly<Partial<Record<CellStatus, number>>>;
  readonly done: number;
  readonly total: number;
  /** Cells that are still to run, the one in flight included. */
  readonly left: readonly PlanCell[];
  /** Seconds that ended cells took, and what was predicted for them. */
  readonly tookSeconds: number;
  readonly expectedSeconds: number;
}

/** Before anything happened. */
export function initialState(plan: Plan, nowMs: number): LiveState {
  return {
    cell: null,
    phase: "start",
    sinceMs: nowMs,
    session: null,
    predictedLoadSeconds: null,
    peakBytes: null,
    capacityBytes: plan.hardware.devices.capacityBytes,
    counts: {},
    done: 0,
    total: 0,
    left: [],
    tookSeconds: 0,
    expectedSeconds: 0,
  };
}

/** The state after a step. `cellSeconds` predicts a cell; null when it is not predicted. */
export function nextState(
  state: LiveState,
  progress: Progress,
  nowMs: number,
  cellSeconds: (cell: PlanCell) => number | null,
): LiveState {
  switch (progress.kind) {
    case "decided": {
      const left = progress.decisions.filter(({ action }) => action === "run").map(({ cell }) =>
        cell
      );
      const done = progress.decisions.filter(({ action }) => action === "reuse").length;
      return { ...state, left, done, total: left.length + done };
    }
    case "session": {
      const { session, cells } = progress;
      return {
        ...state,
        phase: "load",
        sinceMs: nowMs,
        cell: null,
        peakBytes: null,
        session: { id: session.id, worldSize: session.worldSize },
        predictedLoadSeconds: cells[0]?.prediction.time?.loadSeconds.mid ?? null,
      };
    }
    case "cell":
      return { ...state, phase: "cell", cell: progress.cell, sinceMs: nowMs, peakBytes: null };
    case "event": {
      const { event } = progress;
      if (event.event === "started" && state.phase !== "load") {
        return { ...state, phase: "load", cell: null, sinceMs: nowMs, peakBytes: null };
      }
      if (event.event !== "heartbeat") return state;
      return { ...state, peakBytes: Math.max(event.peakBytes, state.peakBytes ?? 0) };
    }
    case "outcome": {
      const { cell, outcome, done } = progress;
      const wasTimed = state.cell?.id === cell.id && outcome.status === "ok";
      const expected = wasTimed ? cellSeconds(cell) : null;
      return {
        ...state,
        phase: "idle",
        cell: null,
        sinceMs: nowMs,
        done,
        left: state.left.filter(({ id }) => id !== cell.id),
        counts: { ...state.counts, [outcome.status]: (state.counts[outcome.status] ?? 0) + 1 },
        tookSeconds: state.tookSeconds + (expected === null ? 0 : (nowMs - state.sinceMs) / 1000),
        expectedSeconds: state.expectedSeconds + (expected ?? 0),
      };
    }
    case "note":
    case "folder":
      return state;
  }
}

/** Predicted seconds of a cell: its warm-ups and timed generates. */
export function predictedCellSeconds(
  { newTokens, prediction: { time } }: PlanCell,
  { benchmark: { warmup, cycles } }: Pick<Plan, "benchmark">,
): number | null {
  if (time === null) return null;
  const generateMs = time.prefillMs.mid + (newTokens - 1) * time.msPerStep.mid;
  return (warmup + cycles) * generateMs / 1000;
}

/** Seconds until the cells that are left have run, as far as the prediction and the pace so far tell; null at first. */
export function remainingSeconds(
  state: LiveState,
  cellSeconds: (cell: PlanCell) => number | null,
): number | null {
  if (state.expectedSeconds === 0) return null;
  const pace = state.tookSeconds / state.expectedSeconds;
  const cells = state.left.reduce((sum, cell) => sum + (cellSeconds(cell) ?? 0), 0);
  const sessions = new Set(state.left.map(({ sessionId }) => sessionId));
  sessions.delete(state.session?.id ?? null);
  const loads = [...sessions].reduce((sum, id) => {
    const first = state.left.find(({ sessionId }) => sessionId === id);
    return sum + (first?.prediction.time?.loadSeconds.mid ?? 0);
  }, 0);
  return cells * pace + loads;
}
