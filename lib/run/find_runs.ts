/** The runs in a folder, told by their journals. */
import { join } from "node:path";
import { JOURNAL_FILE } from "./journal.ts";
import { foldJournal, type JournalState } from "./journal_records.ts";
import { recordsIn } from "./journal_scan.ts";
import { isLocked } from "./run_lock.ts";

/** A run folder that has a journal. */
export interface FoundRun {
  readonly folder: string;
  readonly state: JournalState;
}

/** Run folders, the newest first; a folder whose journal cannot be read or names no pipeline is left out. */
export function findRuns(
  outDir: string,
  { pipelineName, limit = Infinity }: {
    /** Only runs of this pipeline. */
    readonly pipelineName?: string;
    /** Most runs to find. */
    readonly limit?: number;
  } = {},
): FoundRun[] {
  const found: FoundRun[] = [];
  for (const run of eachRun(outDir)) {
    if (found.length >= limit) break;
    const name = run.state.run?.pipeline.name;
    if (pipelineName === undefined || name === pipelineName) found.push(run);
  }
  return found;
}

function* eachRun(outDir: string): Generator<FoundRun> {
  for (const folder of folders(outDir)) {
    try {
      const state = foldJournal(recordsIn(join(folder, JOURNAL_FILE)));
      if (state.run !== null) yield { folder, state };
    } catch { /* no run, or not ours to read */ }
  }
}

/** Names begin with the time: the order of their names is that of their starts. */
function folders(outDir: string): string[] {
  try {
    return Array.from(Deno.readDirSync(outDir))
      .filter(({ isDirectory }) => isDirectory)
      .map(({ name }) => name)
      .sort(byStart)
      .reverse()
      .map((name) => join(outDir, name));
  } catch {
    return [];
  }
}

/** `...-name-2` started after `...-name` within the same second, and `-10` after `-9`. */
function byStart(a: string, b: string): number {
  const collator = new Intl.Collator("en", { numeric: true });
  return a.slice(0, 19) < b.slice(0, 19)
    ? -1
    : a.slice(0, 19) > b.slice(0, 19)
    ? 1
    : a.length - b.length || collator.compare(a, b);
}

/** How a run stands. */
export interface RunStatus {
  readonly folder: string;
  readonly pipeline: string;
  readonly startedAt: string;
  readonly status: "running" | "finished" | "interrupted";
  /** Cells that have an outcome, and how many are to have one. */
  readonly done: number;
  readonly total: number;
  readonly ok: number;
  readonly oom: number;
  readonly failed: number;
}

/** Sums a run up. */
export function runStatus({ folder, state }: FoundRun): RunStatus {
  const outcomes = [...state.cells.values()].map(({ outcome }) => outcome?.status);
  const count = (...statuses: string[]) =>
    outcomes.filter((status) => status !== undefined && statuses.includes(status)).length;
  const done = outcomes.filter((status) => status !== undefined).length;
  return {
    folder,
    pipeline: state.run?.pipeline.name ?? "",
    startedAt: state.run?.time ?? "",
    status: isLocked(folder)
      ? "running"
      : state.ended !== null && !state.ended.interrupted
      ? "finished"
      : "interrupted",
    done,
    total: state.run?.total ?? 0,
    ok: count("ok"),
    oom: count("oom"),
    failed: count("crashed", "timeout", "host-oom"),
  };
}
