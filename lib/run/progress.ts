/** What happens while a plan runs, for whoever shows it. */
import type { PlanCell, PlanSession } from "../plan/plan.ts";
import type { Decision } from "./decide.ts";
import type { CellOutcome } from "./outcome.ts";
import type { WorkerEvent } from "./protocol.ts";

/** One step of a run. */
export type Progress =
  | { readonly kind: "note"; readonly text: string }
  | { readonly kind: "folder"; readonly folder: string }
  | {
    /** What is to become of every cell. */
    readonly kind: "decided";
    readonly decisions: readonly Decision[];
  }
  | {
    readonly kind: "session";
    readonly session: PlanSession;
    readonly cells: readonly PlanCell[];
  }
  /** Every cell of the session has an outcome, or the run is ending. */
  | { readonly kind: "session-ended"; readonly session: PlanSession }
  | { readonly kind: "cell"; readonly session: PlanSession; readonly cell: PlanCell }
  | { readonly kind: "event"; readonly session: PlanSession; readonly event: WorkerEvent }
  | {
    readonly kind: "outcome";
    readonly cell: PlanCell;
    readonly outcome: CellOutcome;
    readonly done: number;
    readonly total: number;
  };
