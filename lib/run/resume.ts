/** The run that a new one may take outcomes from, or that is to go on. */
import { join } from "node:path";
import { reasonOf } from "../catalog/json_file.ts";
import { DiagnosticError } from "../diagnostics/diagnostic.ts";
import { notARun } from "../diagnostics/messages/run.ts";
import type { Plan } from "../plan/plan.ts";
import type { EarlierRun, Rerun } from "./decide.ts";
import { findRuns } from "./find_runs.ts";
import { JOURNAL_FILE } from "./journal.ts";
import {
  checkVersion,
  foldJournal,
  type JournalRecord,
  type JournalState,
} from "./journal_records.ts";
import { recordsIn } from "./journal_scan.ts";
import type { RunChoices } from "./run_choices.ts";
import { PLAN_FILE } from "./run_store.ts";

/** Older runs are not looked at: reading their journals would take longer than it may save. */
const MOST_RUNS = 50;

/**
 * The run that goes on, or else the runs of the pipeline in the folder of runs, the newest first.
 *
 * @throws DiagnosticError (STW513) when the folder that is to go on holds no run.
 */
export function findEarlier(
  plan: Plan,
  { resume, outDir = "runs", rerun }: {
    readonly resume?: string;
    readonly outDir?: string;
    readonly rerun?: Rerun;
  },
): EarlierRun[] {
  if (resume !== undefined) {
    return [{ folder: resume, state: readState(resume), plan: () => plan, isThis: true }];
  }
  if (rerun === "all") return [];
  return findRuns(outDir, { pipelineName: plan.pipeline.name, limit: MOST_RUNS })
    .map((found) => ({ ...found, plan: () => readPlan(found.folder), isThis: false }));
}

/** What the journal of a run comes to. Throws DiagnosticError (STW513) when there is none. */
function readState(folder: string): JournalState {
  return readRun(folder, foldJournal);
}

/** What the first engine of a run was told. Throws DiagnosticError (STW513) when the folder holds no run. */
export function readChoices(folder: string): RunChoices | undefined {
  return readRun(folder, (records) => {
    for (const record of records) {
      if (record.record !== "run") continue;
      checkVersion(record);
      return record.choices;
    }
    return undefined;
  });
}

function readRun<T>(folder: string, read: (records: Iterable<JournalRecord>) => T): T {
  try {
    return read(recordsIn(join(folder, JOURNAL_FILE)));
  } catch (error) {
    throw new DiagnosticError([notARun({ folder, reason: reasonOf(error) })]);
  }
}

/** Only to say what has changed, so a plan that cannot be read is no obstacle. */
function readPlan(folder: string): Plan | null {
  try {
    return JSON.parse(Deno.readTextFileSync(join(folder, PLAN_FILE)));
  } catch {
    return null;
  }
}
