/** Where a run is, folded from what happens: what a live view shows. Pure: the clock comes in. */
import type { Plan, PlanCell } from "../plan/plan.ts";
import type { CellStatus } from "../run/protocol.ts";
import type { Progress } from "../run/progress.ts";

/** One session that is being served. */
export interface Lane {
  readonly session: { readonly id: string; readonly worldSize: number };
  /** The cell in flight; null between cells. */
  readonly cell: PlanCell | null;
  /** `load` until its ranks are ready, `cell` in a cell, `idle` between. */
  readonly phase: "load" | "cell" | "idle";
  /** When the phase began. */
  readonly sinceMs: number;
  /** Predicted seconds of the load; null when there is no prediction. */
  readonly predictedLoadSeconds: number | null;
  /** Highest device bytes that a rank has told in this phase; null when none has. */
  readonly peakBytes: number | null;
}

/** One moment of a run. */
export interface LiveState {
  /** The sessions that are being served, in the order of their start; none before the first. */
  readonly lanes: readonly Lane[];
  /** When the run began. */
  readonly sinceMs: number;
  /** Whether a session was started yet. */
  readonly hasBegun: boolean;
  readonly capacityBytes: number | null;
  readonly counts: Readonly<Partial<Record<CellStatus, number>>>;
  readonly done: number;
  readonly total: number;
  /** Cells that are still to run, those in flight included. */
  readonly left: readonly PlanCell[];
  /** Seconds that ended cells took, and what was predicted for them. */
  readonly tookSeconds: number;
  readonly expectedSeconds: number;
}

/** Before anything happened. */
export function initialState(plan: Plan, nowMs: number): LiveState {
  return {
    lanes: [],
    sinceMs: nowMs,
    hasBegun: false,
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
      const { session: { id, worldSize }, cells } = progress;
      const lane: Lane = {
        session: { id, worldSize },
        phase: "load",
        sinceMs: nowMs,
        cell: null,
        peakBytes: null,
        predictedLoadSeconds: cells[0]?.prediction.time?.loadSeconds.mid ?? null,
      };
      return { ...state, hasBegun: true, lanes: [...without(state, id), lane] };
    }
    case "session-ended":
      return { ...state, lanes: without(state, progress.session.id) };
    case "cell": {
      const { cell } = progress;
      const begun = { phase: "cell", cell, sinceMs: nowMs, peakBytes: null } as const;
      return withLane(state, progress.session.id, () => begun);
    }
    case "event": {
      const { event, session } = progress;
      return withLane(state, session.id, (lane) => {
        if (event.event === "started" && lane.phase !== "load") {
          return { phase: "load", cell: null, sinceMs: nowMs, peakBytes: null };
        }
        if (event.event !== "heartbeat") return {};
        return { peakBytes: Math.max(event.peakBytes, lane.peakBytes ?? 0) };
      });
    }
    case "outcome":
      return afterOutcome(state, progress, nowMs, cellSeconds);
    case "note":
    case "folder":
      return state;
  }
}

function afterOutcome(
  state: LiveState,
  { cell, outcome, done }: Extract<Progress, { kind: "outcome" }>,
  nowMs: number,
  cellSeconds: (cell: PlanCell) => number | null,
): LiveState {
  const lane = state.lanes.find((each) => each.cell?.id === cell.id);
  const expected = lane !== undefined && outcome.status === "ok" ? cellSeconds(cell) : null;
  const took = lane === undefined || expected === null ? 0 : (nowMs - lane.sinceMs) / 1000;
  const idle = { phase: "idle", cell: null, sinceMs: nowMs } as const;
  return {
    ...withLane(state, lane?.session.id ?? "", () => idle),
    done,
    left: state.left.filter(({ id }) => id !== cell.id),
    counts: { ...state.counts, [outcome.status]: (state.counts[outcome.status] ?? 0) + 1 },
    tookSeconds: state.tookSeconds + took,
    expectedSeconds: state.expectedSeconds + (expected ?? 0),
  };
}

function without({ lanes }: LiveState, id: string): Lane[] {
  return lanes.filter(({ session }) => session.id !== id);
}

function withLane(
  state: LiveState,
  id: string,
  change: (lane: Lane) => Partial<Lane>,
): LiveState {
  const lanes = state.lanes.map((lane) =>
    lane.session.id === id ? { ...lane, ...change(lane) } : lane
  );
  return { ...state, lanes };
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
  for (const { session } of state.lanes) sessions.delete(session.id);
  const loads = [...sessions].reduce((sum, id) => {
    const first = state.left.find(({ sessionId }) => sessionId === id);
    return sum + (first?.prediction.time?.loadSeconds.mid ?? 0);
  }, 0);
  // Sessions side by side share the work.
  return (cells * pace + loads) / Math.max(1, state.lanes.length);
}
