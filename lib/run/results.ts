/** `results.json` and its companions: the plan's cells with what was measured beside what was predicted. */
import { join } from "node:path";
import type { Plan, PlanCell } from "../plan/plan.ts";
import { resultsCsvLines } from "../report/csv.ts";
import { resultsParts } from "../report/render.ts";
import type { ReportedCell, ReportedResults } from "../report/results_shape.ts";
import { extended } from "../plan/compact_cells.ts";
import type { FoundLimit } from "./find_limits.ts";
import type { HostFacts } from "./host.ts";
import type { CellOutcome } from "./outcome.ts";
import type { SessionConditions } from "./journal_records.ts";
import { LazyList, writeJsonWhole } from "./json_file.ts";
import type { Outcomes } from "./outcomes.ts";
import { MANY_RESULTS, writeTablesApart } from "./report_apart.ts";
import { writeLinesWhole } from "./run_folder.ts";

/** What `run` returns and `results.json` holds. */
export interface Results extends ReportedResults {
  /** When and where. */
  readonly run: RunFacts;
  /** The largest batches that were found; with `findLimit`. */
  readonly limits?: readonly FoundLimit[];
  /** The cells of the plan in its order, each with what became of it. */
  readonly cells: readonly ReportedCell[];
}

/** When and where a run took place. */
export interface RunFacts {
  /** Absolute. */
  readonly folder: string;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  /** Null while it runs. */
  readonly endedAt: string | null;
  /** Whether it was ended before its time. */
  readonly interrupted: boolean;
  /** What it ran on. */
  readonly host: HostFacts;
  /** Interpreter that ran the workers. */
  readonly python: string;
  /** What else the host was doing when sessions were launched. */
  readonly conditions?: readonly SessionConditions[];
}

/** A cell's outcome and where its log is. */
export interface RecordedOutcome extends CellOutcome {
  /** Relative to the run's folder. */
  readonly logPath: string | null;
  /** Folder of the run that measured it, when that was an earlier one; `logPath` is relative to it then. */
  readonly reusedFrom?: string;
}

/** What results are put together from. */
export interface ResultParts {
  readonly plan: Plan;
  readonly outcomes: Outcomes;
  /** Ids of the cells to run. */
  readonly toRun: ReadonlySet<string>;
  readonly run: RunFacts;
  readonly limits?: readonly FoundLimit[];
}

/**
 * Puts the outcomes beside the predictions, as soon as somebody looks at the cells. A cell without one was interrupted or not
 * reached, when it is among those to run; else it was skipped, for the reason of the plan.
 */
export function assembleResults(parts: ResultParts): Results {
  let made: readonly ReportedCell[] | undefined;
  return {
    ...aroundCells(parts),
    get cells() {
      return made ??= [...reportedCells(parts)];
    },
  };
}

function aroundCells({ plan, run, limits }: ResultParts): Omit<Results, "cells"> {
  const { cells: _, ...rest } = plan;
  return { ...rest, run, ...(limits === undefined ? {} : { limits }) };
}

function* reportedCells({ plan, outcomes, toRun }: ResultParts): Generator<ReportedCell> {
  for (const cell of plan.cells) yield reportedCell(cell, outcomes, toRun);
}

function reportedCell(
  cell: PlanCell,
  outcomes: Outcomes,
  toRun: ReadonlySet<string>,
): ReportedCell {
  const outcome = outcomes.get(cell.id);
  if (outcome !== undefined) {
    const { measurement: _, ...values } = outcome;
    return extended(cell, outcomes.measurementProperty, values) as ReportedCell;
  }
  const none = { measurement: null, logPath: null };
  return toRun.has(cell.id)
    ? { ...cell, ...none, status: "interrupted", message: "the run ended before this cell did" }
    : { ...cell, ...none, status: "skipped", message: cell.reason };
}

/** Writes `results.json` alone, as `assembleResults` would give it, cell by cell. Throws what the system throws. */
export function writeResultsSoFar(parts: ResultParts): void {
  const cells = new LazyList(() => reportedCells(parts));
  writeJsonWhole(join(parts.run.folder, "results.json"), { ...aroundCells(parts), cells });
}

/** Writes `results.json`, `results.csv` and `results.md`. Throws what the system throws. */
export function writeResults(parts: ResultParts, results: Results): void {
  const { folder } = parts.run;
  writeResultsSoFar(parts);
  if (parts.plan.cells.length > MANY_RESULTS && writeTablesApart(folder)) return;
  writeTables(folder, results);
}

/** Writes `results.csv` and `results.md`. Throws what the system throws. */
export function writeTables(folder: string, results: Results): void {
  writeLinesWhole(join(folder, "results.csv"), resultsCsvLines(results.cells));
  writeLinesWhole(join(folder, "results.md"), resultsParts(results, "markdown"));
}
