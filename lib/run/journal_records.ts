/** What a journal says, line by line, and what all its lines come to. */
import { PackedValues } from "../plan/packed.ts";
import type { Conditions } from "./conditions.ts";
import type { HostFacts } from "./host.ts";
import type { RecordedOutcome } from "./results.ts";
import type { RunChoices } from "./run_choices.ts";

/** Version of the records. An engine refuses the journal of a later one, which may mean other things by the same words. */
export const JOURNAL_VERSION = 1;

/** One line of a journal. Times are ISO 8601, UTC. */
export type JournalRecord =
  | {
    /** An engine begins or goes on with the run. */
    readonly record: "run";
    readonly journalVersion: number;
    readonly time: string;
    readonly toolVersion: string;
    readonly pipeline: { readonly name: string; readonly path: string; readonly sha256: string };
    readonly host: HostFacts;
    readonly python: string;
    readonly pid: number;
    /** Cells that the run is to have an outcome of. */
    readonly total: number;
    readonly choices: RunChoices;
  }
  | {
    /** A session is about to be launched. Its processes carry the token in their environment. */
    readonly record: "session";
    readonly time: string;
    readonly sessionId: string;
    readonly attempt: number;
    readonly token: string;
    /** What else the host was doing. */
    readonly conditions?: Conditions;
  }
  | { readonly record: "session-ended"; readonly time: string; readonly token: string }
  | {
    /** A cell is about to be asked for. */
    readonly record: "started";
    readonly time: string;
    readonly cellId: string;
    readonly key: string;
  }
  | {
    /** A session ended in a cell without a word; the cell is tried once more. */
    readonly record: "died";
    readonly time: string;
    readonly cellId: string;
    readonly key: string;
    readonly message: string;
  }
  | {
    /** A cell has an outcome for good. */
    readonly record: "done";
    readonly time: string;
    readonly cellId: string;
    readonly key: string;
    readonly outcome: RecordedOutcome;
  }
  | { readonly record: "ended"; readonly time: string; readonly interrupted: boolean };

/** A record of one kind. */
export type RecordOf<K extends JournalRecord["record"]> = Extract<JournalRecord, { record: K }>;

/** What else the host was doing when a session was launched. */
export interface SessionConditions {
  /** Session of the plan. */
  readonly sessionId: string;
  /** What the host was doing meanwhile. */
  readonly conditions: Conditions;
}

/** What became of a cell so far. */
export interface CellHistory {
  readonly key: string;
  /** How often it killed its session. */
  readonly deaths: number;
  /** Null: started, and nobody knows how it ended. */
  readonly outcome: RecordedOutcome | null;
}

/** What a journal comes to. */
export interface JournalState {
  /** The first engine's record; null in a journal that was torn before its first line was whole. */
  readonly run: RecordOf<"run"> | null;
  /** By cell id; a cell that was never started is absent. */
  readonly cells: ReadonlyMap<string, CellHistory>;
  /** Sessions that were launched and not ended, by token. */
  readonly openSessions: ReadonlyMap<string, RecordOf<"session">>;
  /** Launches so far of each session. */
  readonly attempts: ReadonlyMap<string, number>;
  /** What else the host was doing, launch by launch. */
  readonly conditions: readonly SessionConditions[];
  /** The end of the run, unless an engine has gone on since. */
  readonly ended: RecordOf<"ended"> | null;
}

/** A history that holds its outcome packed. */
class PackedHistory implements CellHistory {
  readonly key: string;
  readonly deaths: number;
  readonly #packed: PackedValues<RecordedOutcome>;
  readonly #place: number;

  constructor(record: RecordOf<"done">, deaths: number, packed: PackedValues<RecordedOutcome>) {
    this.key = record.key;
    this.deaths = deaths;
    this.#packed = packed;
    this.#place = packed.add(record.outcome);
  }

  get outcome(): RecordedOutcome {
    return this.#packed.get(this.#place);
  }
}

/** What an engine that goes on with a run has to know of those before it, beside the outcomes. */
export interface Continuation {
  /** When the first engine began; null in a new run. */
  readonly startedAt: string | null;
  /** What else the host was doing, launch by launch. */
  readonly conditions: SessionConditions[];
  /** Launches so far of each session. */
  readonly attempts: Map<string, number>;
  /** How often cells have killed their session. */
  readonly deaths: Map<string, number>;
}

/** Throws where the journal is one of a later version. */
export function checkVersion({ journalVersion, toolVersion }: RecordOf<"run">): void {
  if (journalVersion <= JOURNAL_VERSION) return;
  throw new Error(`it was written by Stowage ${toolVersion}, which is newer`);
}

/** Folds the lines of a journal to that; outcomes are not kept. */
export function foldContinuation(records: Iterable<JournalRecord>): Continuation {
  const keys = new Map<string, string>();
  const deaths = new Map<string, number>();
  const attempts = new Map<string, number>();
  const conditions: SessionConditions[] = [];
  let startedAt: string | null = null;
  for (const record of records) {
    switch (record.record) {
      case "run":
        checkVersion(record);
        startedAt ??= record.time;
        break;
      case "session": {
        const { sessionId, attempt } = record;
        if (record.conditions !== undefined) {
          conditions.push({ sessionId, conditions: record.conditions });
        }
        attempts.set(sessionId, Math.max(attempt, attempts.get(sessionId) ?? 0));
        break;
      }
      case "started":
        // What the cell did before it was changed does not count.
        if (keys.get(record.cellId) !== record.key) deaths.delete(record.cellId);
        break;
      case "died":
        keys.set(record.cellId, record.key);
        deaths.set(record.cellId, (deaths.get(record.cellId) ?? 0) + 1);
        break;
    }
  }
  return { startedAt, conditions, attempts, deaths };
}

/** Folds the lines of a journal. */
export function foldJournal(records: Iterable<JournalRecord>): JournalState {
  const packed = new PackedValues<RecordedOutcome>();
  let run: RecordOf<"run"> | null = null;
  let ended: RecordOf<"ended"> | null = null;
  const cells = new Map<string, CellHistory>();
  const openSessions = new Map<string, RecordOf<"session">>();
  const attempts = new Map<string, number>();
  const seen: SessionConditions[] = [];
  for (const record of records) {
    switch (record.record) {
      case "run":
        checkVersion(record);
        run ??= record;
        ended = null;
        break;
      case "session":
        openSessions.set(record.token, record);
        if (record.conditions !== undefined) {
          seen.push({ sessionId: record.sessionId, conditions: record.conditions });
        }
        attempts.set(
          record.sessionId,
          Math.max(record.attempt, attempts.get(record.sessionId) ?? 0),
        );
        break;
      case "session-ended":
        openSessions.delete(record.token);
        break;
      case "started": {
        const known = cells.get(record.cellId);
        const deaths = known?.key === record.key ? known.deaths : 0;
        cells.set(record.cellId, { key: record.key, deaths, outcome: null });
        break;
      }
      case "died": {
        const deaths = (cells.get(record.cellId)?.deaths ?? 0) + 1;
        cells.set(record.cellId, { key: record.key, deaths, outcome: null });
        break;
      }
      case "done": {
        const deaths = cells.get(record.cellId)?.deaths ?? 0;
        cells.set(record.cellId, new PackedHistory(record, deaths, packed));
        break;
      }
      case "ended":
        ended = record;
        break;
    }
  }
  return { run, cells, openSessions, attempts, conditions: seen, ended };
}
