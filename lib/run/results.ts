/** `results.json` and its companions: the plan's cells with what was measured beside what was predicted. */
import { join } from "node:path";
import type { Plan } from "../plan/plan.ts";
import { renderResults } from "../report/render.ts";
import type { ReportedCell, ReportedResults } from "../report/results_shape.ts";
import type { FoundLimit } from "./find_limits.ts";
import type { HostFacts } from "./host.ts";
import type { CellOutcome } from "./outcome.ts";
import type { SessionConditions } from "./journal_records.ts";
import { writeJsonWhole } from "./json_file.ts";
import { writeWhole } from "./run_folder.ts";

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

/**
 * Puts the outcomes beside the predictions. A cell without one was interrupted or not reached, when it is among those to
 * run; else it was skipped, for the reason of the plan.
 */
export function assembleResults(
  plan: Plan,
  outcomes: ReadonlyMap<string, RecordedOutcome>,
  toRun: ReadonlySet<string>,
  run: RunFacts,
): Results {
  const cells = plan.cells.map((cell): ReportedCell => {
    const outcome = outcomes.get(cell.id);
    if (outcome !== undefined) return { ...cell, ...outcome };
    const none = { measurement: null, logPath: null };
    return toRun.has(cell.id)
      ? { ...cell, ...none, status: "interrupted", message: "the run ended before this cell did" }
      : { ...cell, ...none, status: "skipped", message: cell.reason };
  });
  return { ...plan, run, cells };
}

/** Writes `results.json` alone: the others can be made of it. Throws what the system throws. */
export function writeResultsSoFar(results: Results): void {
  writeJsonWhole(join(results.run.folder, "results.json"), results);
}

/** Writes `results.json`, `results.csv` and `results.md`. Throws what the system throws. */
export function writeResults(results: Results): void {
  const { folder } = results.run;
  writeResultsSoFar(results);
  writeWhole(join(folder, "results.csv"), renderResults(results, "csv"));
  writeWhole(join(folder, "results.md"), renderResults(results, "markdown"));
}
