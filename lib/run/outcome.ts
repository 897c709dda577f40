/** What an attempt means for each of its cells. */
import type { AttemptEnd } from "./attempt.ts";
import { type EventOf, measure, type MeasuredCell, type RankReport } from "./measure.ts";
import type { CellStatus, Measurement, WorkerCell, WorkerEvent } from "./protocol.ts";

/** What became of a cell. */
export interface CellOutcome {
  /** How it ended. */
  readonly status: CellStatus;
  /** Null where nothing was measured. */
  readonly measurement: Measurement | null;
  /** Why it is not `ok`; null when it is. */
  readonly message: string | null;
}

/** What an attempt achieved. */
export interface AttemptOutcome {
  /** The cells that have an outcome; the others were not reached. */
  readonly cells: ReadonlyMap<string, CellOutcome>;
  /** Set when the model never became ready: then no cell has an outcome. */
  readonly loadFailure: CellOutcome | null;
  /** Whether every rank said that it was done. */
  readonly finished: boolean;
}

/** What the outcome of a cell is read for. */
export interface OutcomeContext {
  readonly worldSize: number;
  readonly devicesPerNode: number;
  readonly streams: number;
  readonly timeoutSeconds: number;
}

/** Reads the outcome of each cell of an attempt. */
export function readOutcome(
  attempt: AttemptEnd,
  cells: readonly WorkerCell[],
  context: OutcomeContext,
): AttemptOutcome {
  const ranks = Array.from(
    { length: context.worldSize },
    (_, rank) => attempt.events.filter((event) => event.rank === rank),
  );
  const finished = ranks.every((events) => events.some(({ event }) => event === "finished"));
  const loaded = ranks.every((events) => events.some(({ event }) => event === "loaded"));
  const outcomes = new Map<string, CellOutcome>();
  if (!loaded) {
    return { cells: outcomes, loadFailure: loadFailure(attempt, ranks, context), finished };
  }
  for (const cell of cells) {
    const outcome = cellOutcome(cell, attempt, ranks, context);
    if (outcome !== null) outcomes.set(cell.id, outcome);
  }
  return { cells: outcomes, loadFailure: null, finished };
}

function loadFailure(
  attempt: AttemptEnd,
  ranks: readonly (readonly WorkerEvent[])[],
  context: OutcomeContext,
): CellOutcome {
  const failures = attempt.events.filter((event) => event.event === "failed");
  const failure = failures.find(({ status }) => status === "oom") ?? failures[0];
  const reports = ranks.map((_, rank): RankReport => {
    const failed = failures.find((event) => event.rank === rank);
    // A rank that failed has not loaded, but its peak is known.
    return {
      rank,
      loaded: undefined,
      ended: failed && { ...failed, event: "cell_failed", cellId: "", recovered: false },
    };
  });
  const measurement = measure(reports, measuredCell({ batchSize: 1 }, attempt, context));
  if (failure !== undefined) {
    return { status: failure.status, measurement, message: `loading: ${failure.message}` };
  }
  return { ...death(attempt, context), measurement: null };
}

function cellOutcome(
  cell: WorkerCell,
  attempt: AttemptEnd,
  ranks: readonly (readonly WorkerEvent[])[],
  context: OutcomeContext,
): CellOutcome | null {
  const reports = ranks.map((events, rank): RankReport => ({
    rank,
    loaded: events.find((event) => event.event === "loaded"),
    ended: events.find((event): event is EventOf<"cell_finished"> | EventOf<"cell_failed"> =>
      (event.event === "cell_finished" || event.event === "cell_failed") &&
      event.cellId === cell.id
    ),
  }));
  const started = ranks.some((events) =>
    events.some((event) => event.event === "cell_started" && event.cellId === cell.id)
  );
  if (!started) return null;
  const measurement = measure(reports, measuredCell(cell, attempt, context));
  const failures = reports.map(({ ended }) => ended)
    .filter((ended) => ended?.event === "cell_failed");
  const failure = failures.find(({ status }) => status === "oom") ?? failures[0];
  if (failure !== undefined) {
    const message = `${failure.phase}: ${failure.message}`;
    return { status: failure.status, measurement, message };
  }
  if (reports.every(({ ended }) => ended !== undefined)) {
    return { status: "ok", measurement, message: null };
  }
  return { ...death(attempt, context), measurement };
}

/** A rank went without a word: the reason is the engine's own, or must be read from the log. */
function death(
  { stopped, process }: AttemptEnd,
  { timeoutSeconds }: OutcomeContext,
): { status: CellStatus; message: string } {
  if (stopped === "interrupted") {
    return { status: "interrupted", message: "the run was interrupted" };
  }
  if (stopped === "timeout") {
    return { status: "timeout", message: `nothing happened for ${timeoutSeconds} s` };
  }
  const said = lastError(process.tail);
  if (OUT_OF_MEMORY_REGEXP.test(process.tail)) return { status: "oom", message: said };
  const how = process.signal === null
    ? `the worker ended with exit code ${process.code}`
    : `the worker was ended by ${process.signal}`;
  return { status: "crashed", message: said === "" ? how : `${how}: ${said}` };
}

/** Texts of a process that ran out of memory where no Python code could tell. */
const OUT_OF_MEMORY_REGEXP =
  /can't allocate memory|CUDA out of memory|std::bad_alloc|OutOfMemoryError|CUBLAS_STATUS_ALLOC_FAILED|\bMemoryError\b|Cannot allocate memory/;

/** The last line of a log that names an error, or else its last line. */
export function lastError(tail: string): string {
  const lines = tail.split(/\r?\n/).map((line) => line.trim()).filter((line) => line !== "");
  const error = lines.findLast((line) =>
    /^(\w+\.)*\w*(Error|Exception)\b|terminate called|what\(\)/.test(line)
  );
  return (error ?? lines.at(-1) ?? "").slice(0, 500);
}

function measuredCell(
  { batchSize }: { readonly batchSize: number },
  { events }: AttemptEnd,
  { devicesPerNode, streams }: OutcomeContext,
): MeasuredCell {
  const started = events.find((event) => event.event === "started");
  return { batchSize, streams, devicesPerNode, versions: started?.versions ?? {} };
}
