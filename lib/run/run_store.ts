/**
 * Everything that a run keeps: its folder under a lock, its journal, and the results that people read. The journal is the
 * truth and is written first; the results can be made again from it and the plan.
 */
import { join } from "node:path";
import { reasonOf } from "../catalog/json_file.ts";
import { type Diagnostic, DiagnosticError } from "../diagnostics/diagnostic.ts";
import {
  journalDamaged,
  journalFailed,
  resultsNotWritten,
  runLocked,
} from "../diagnostics/messages/run.ts";
import { renderRunNotes } from "../launch/files.ts";
import type { Plan, PlanCell } from "../plan/plan.ts";
import { Journal, JOURNAL_FILE } from "./journal.ts";
import {
  type Continuation,
  foldContinuation,
  type JournalRecord,
  type SessionConditions,
} from "./journal_records.ts";
import { writeJsonWhole } from "./json_file.ts";
import type { CellOutcome } from "./outcome.ts";
import { type Kept, Outcomes } from "./outcomes.ts";
import {
  assembleResults,
  type RecordedOutcome,
  type Results,
  type RunFacts,
  writeResults,
  writeResultsSoFar,
} from "./results.ts";
import { makeRunFolder, writeWhole } from "./run_folder.ts";
import { lockRun, type RunLock } from "./run_lock.ts";
import type { SessionJournal } from "./session.ts";

/** Name of the plan in a run's folder. */
export const PLAN_FILE = "plan.json";
/** The results are written again when that takes at most this part of the time since the last writing. */
const WRITING_SHARE = 0.02;

/** A run's folder, open for one engine. */
export class RunStore {
  readonly folder: string;
  /** When the first engine began; null in a new run. */
  readonly startedAt: string | null;
  /** What could not be written. */
  readonly diagnostics: Diagnostic[] = [];
  /** What else the host was doing when sessions were launched, by earlier engines too. */
  readonly conditions: SessionConditions[];
  readonly #lock: RunLock;
  readonly #journal: Journal;
  readonly #outcomes = new Outcomes();
  readonly #deaths: Map<string, number>;
  readonly #attempts: Map<string, number>;
  #writtenMs = -Infinity;
  #writingMs = 0;

  private constructor(
    folder: string,
    lock: RunLock,
    { journal, value: before, damagedLines }: {
      readonly journal: Journal;
      readonly value: Continuation;
      readonly damagedLines: readonly number[];
    },
  ) {
    this.folder = folder;
    this.#lock = lock;
    this.#journal = journal;
    if (damagedLines.length > 0) {
      const path = join(folder, JOURNAL_FILE);
      this.diagnostics.push(journalDamaged({ path, lines: damagedLines }));
    }
    this.startedAt = before.startedAt;
    this.conditions = before.conditions;
    this.#deaths = before.deaths;
    this.#attempts = before.attempts;
  }

  /** Makes a new run. Throws what the system throws, and DiagnosticError as `open` does. */
  static create(outDir: string, plan: Plan, now: Date): RunStore {
    const store = RunStore.open(makeRunFolder(outDir, plan.pipeline.name, now));
    try {
      writeJsonWhole(join(store.folder, PLAN_FILE), plan);
      writeWhole(join(store.folder, "NOTES.md"), renderRunNotes(plan));
      return store;
    } catch (error) {
      store.close();
      throw error;
    }
  }

  /** Opens a run. Throws what the system throws, and DiagnosticError (STW511) when another engine has it. */
  static open(path: string): RunStore {
    const folder = Deno.realPathSync(path); // workers run in folders of their own
    const lock = lockRun(folder);
    if ("heldBy" in lock) throw new DiagnosticError([runLocked({ folder, holder: lock.heldBy })]);
    try {
      return new RunStore(folder, lock, Journal.open(join(folder, JOURNAL_FILE), foldContinuation));
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  close(): void {
    this.#journal.close();
    this.#lock.release();
  }

  /** How many cells have an outcome. */
  get size(): number {
    return this.#outcomes.size;
  }

  has(cellId: string): boolean {
    return this.#outcomes.has(cellId);
  }

  /** Appends to the journal, durably. Throws DiagnosticError (STW512) when that is not possible. */
  append(record: JournalRecord): void {
    try {
      this.#journal.append(record);
    } catch (error) {
      const path = join(this.folder, JOURNAL_FILE);
      throw new DiagnosticError([
        journalFailed({ path, reason: reasonOf(error), folder: this.folder }),
      ]);
    }
  }

  /** Takes an outcome over that the journal of this run has already. */
  keep(cell: PlanCell, kept: Kept): void {
    this.#outcomes.keep(cell.id, kept);
  }

  /** Notes an outcome for good. */
  note(cell: PlanCell, outcome: RecordedOutcome): void {
    const { id: cellId, key } = cell;
    this.append({ record: "done", time: now(), cellId, key, outcome });
    this.#outcomes.set(cellId, outcome);
  }

  /** The part of the journal that a session writes. */
  sessionJournal(sessionId: string): SessionJournal {
    return {
      attempts: this.#attempts.get(sessionId) ?? 0,
      launches: (attempt, token, conditions) => {
        this.append({ record: "session", time: now(), sessionId, attempt, token, conditions });
        this.conditions.push({ sessionId, conditions });
        this.#attempts.set(sessionId, attempt);
      },
      ended: (token) => this.append({ record: "session-ended", time: now(), token }),
      starts: ({ id: cellId, key }) => this.append({ record: "started", time: now(), cellId, key }),
      died: ({ id: cellId, key }, message) => {
        this.append({ record: "died", time: now(), cellId, key, message });
        const deaths = (this.#deaths.get(cellId) ?? 0) + 1;
        this.#deaths.set(cellId, deaths);
        return deaths;
      },
    };
  }

  /** Writes the results so far, when that costs little beside the cells. `toRun` has the ids of the cells to run. */
  showResults(plan: Plan, toRun: ReadonlySet<string>, run: RunFacts): void {
    const begun = performance.now();
    if (begun - this.#writtenMs < this.#writingMs / WRITING_SHARE) return;
    this.#write(() => writeResultsSoFar({ plan, outcomes: this.#outcomes, toRun, run }));
    this.#writtenMs = performance.now();
    this.#writingMs = this.#writtenMs - begun;
  }

  /** Writes the results and closes the run's journal. */
  finish(
    plan: Plan,
    toRun: ReadonlySet<string>,
    run: RunFacts,
    more: Pick<Results, "limits"> = {},
  ): Results {
    const parts = { plan, outcomes: this.#outcomes, toRun, run, ...more };
    const results = assembleResults(parts);
    this.#write(() => writeResults(parts, results));
    this.append({ record: "ended", time: now(), interrupted: run.interrupted });
    return results;
  }

  #write(write: () => void): void {
    try {
      write();
    } catch (error) {
      const path = join(this.folder, "results.json");
      const diagnostic = resultsNotWritten({ path, reason: reasonOf(error) });
      if (!this.diagnostics.some(({ message }) => message === diagnostic.message)) {
        this.diagnostics.push(diagnostic);
      }
    }
  }
}

/** An outcome with where its log is. */
export function recorded(outcome: CellOutcome, logPath: string | null): RecordedOutcome {
  return { ...outcome, logPath };
}

function now(): string {
  return new Date().toISOString();
}
