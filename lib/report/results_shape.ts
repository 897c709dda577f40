/** The parts of a run's results that reports read: the plan with a measurement beside each prediction. */
import type { Plan, PlanCell } from "../plan/plan.ts";
import type { SessionConditions } from "../run/journal_records.ts";
import type { CellStatus, Measurement } from "../run/protocol.ts";

/** A cell of the plan and what became of it. */
export interface ReportedCell extends PlanCell {
  /** How it ended. */
  readonly status: CellStatus;
  /** Null where nothing was measured. */
  readonly measurement: Measurement | null;
  /** What the worker or the engine said about the end of the cell. */
  readonly message?: string | null;
  /** Log of the session, relative to the run's folder. */
  readonly logPath?: string | null;
}

/** Results of a run. */
export interface ReportedResults extends Omit<Plan, "cells"> {
  /** In the order of the plan. */
  readonly cells: readonly ReportedCell[];
  /** Noted by hand in results of before weights made on the device asked for gradients as loaded ones do. */
  readonly frozenWeights?: boolean;
  /** Noted by hand in results of workers that loaded otherwise than they do now: how. */
  readonly loadedOtherwise?: string;
  /** Noted by hand: what is known of a cell, by its id. */
  readonly remarks?: Readonly<Record<string, string>>;
  /** What the report reads of the run itself. */
  readonly run?: { readonly conditions?: readonly SessionConditions[] };
}
