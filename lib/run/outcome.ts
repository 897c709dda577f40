/** What the end of a cell, or of its session, means for the cell. */
import type { AttemptEnd } from "./attempt.ts";
import { type Failure, failureOf, KILLED, KILLED_REGEXP } from "./failure_kinds.ts";
import type { HostWatchReport } from "./host_watch.ts";
import { measure, type MeasuredCell, type RankReport } from "./measure.ts";
import type { CellStatus, Measurement } from "./protocol.ts";
import type { Ranks, RankState } from "./ranks.ts";

/** What became of a cell. */
export interface CellOutcome {
  /** How it ended. */
  readonly status: CellStatus;
  /** Null where nothing was measured. */
  readonly measurement: Measurement | null;
  /** Why it is not `ok`; null when it is. */
  readonly message: string | null;
  /** What is known about such a failure, and what to do; absent where nothing is. */
  readonly failure?: Failure;
}

/** What the outcome of a cell is read for. */
export interface OutcomeContext {
  readonly batchSize: number;
  readonly devicesPerNode: number;
  readonly streams: number;
  /** Memory of the host; what counts as short is a part of it. */
  readonly hostBytes: number;
}

/** The outcome of a cell that every rank has ended, or that one rank has failed in. */
export function endedOutcome({ all }: Ranks, context: OutcomeContext): CellOutcome {
  const measurement = measureRanks(all, context);
  const failures = all.map(({ ended }) => ended).filter((ended) => ended?.event === "cell_failed");
  const failure = failures.find(({ status }) => status === "oom") ?? failures[0];
  if (failure === undefined) return { status: "ok", measurement, message: null };
  return {
    status: failure.status,
    measurement,
    message: `${failure.phase}: ${failure.message}`,
    ...known(failure.message),
  };
}

/** The outcome of a cell, or of loading, in which the session ended without a word of the worker. */
export function deathOutcome(
  { all }: Ranks,
  end: AttemptEnd,
  context: OutcomeContext,
): CellOutcome {
  const heard = all.some(({ loaded }) => loaded !== undefined);
  return { ...death(end, context), measurement: heard ? measureRanks(all, context) : null };
}

/** Why the model never became ready: the outcome of every cell of the session. */
export function loadOutcome(ranks: Ranks, end: AttemptEnd, context: OutcomeContext): CellOutcome {
  const failures = ranks.all.map(({ failed }) => failed).filter((failed) => failed !== undefined);
  const failure = failures.find(({ status }) => status === "oom") ?? failures[0];
  if (failure === undefined) return { ...death(end, context), measurement: null };
  const measurement = measureRanks(ranks.all, context);
  const message = `loading: ${failure.message}`;
  return { status: failure.status, measurement, message, ...known(failure.message) };
}

/** A rank went without a word: the reason is the engine's own, or must be read from the log. */
function death(
  { stopped, process, host }: AttemptEnd,
  { hostBytes }: OutcomeContext,
): Omit<CellOutcome, "measurement"> {
  switch (stopped?.kind) {
    case "interrupted":
      return { status: "interrupted", message: "the run was interrupted" };
    case "timeout":
    case "silent":
      return { status: "timeout", message: stopped.message };
    case "host":
      return { status: "host-oom", message: stopped.message, failure: KILLED.certain };
  }
  const said = lastError(process.tail);
  const found = failureOf(process.tail) ?? failureOf(process.signal ?? "");
  const how = process.signal === null
    ? `the worker ended with exit code ${process.code}`
    : `the worker was ended by ${process.signal}`;
  if (found !== null) {
    const message = said === "" ? how : said;
    return { status: found.status, message, failure: found.failure };
  }
  const message = said === "" ? how : `${how}: ${said}`;
  if (process.signal !== "SIGKILL" && !KILLED_REGEXP.test(process.tail)) {
    return { status: "crashed", message };
  }
  return wasShort(host, hostBytes)
    ? { status: "host-oom", message, failure: KILLED.certain }
    : { status: "crashed", message, failure: KILLED.suspected };
}

/** Whether the host had so little left that a kill was the kernel's. */
function wasShort(
  { kernelKills, leastAvailableBytes }: HostWatchReport,
  hostBytes: number,
): boolean {
  return kernelKills > 0 ||
    (leastAvailableBytes !== null && leastAvailableBytes < 0.05 * hostBytes);
}

/** The last line of a log that names an error, or else its last line. */
export function lastError(tail: string): string {
  const lines = tail.split(/\r?\n/).map((line) => line.trim()).filter((line) => line !== "");
  const error = lines.findLast((line) =>
    /^(\w+\.)*\w*(Error|Exception)\b|terminate called|what\(\)/.test(line)
  );
  return (error ?? lines.at(-1) ?? "").slice(0, 500);
}

function known(text: string): { failure?: Failure } {
  const found = failureOf(text);
  return found === null ? {} : { failure: found.failure };
}

function measureRanks(all: readonly RankState[], context: OutcomeContext): Measurement {
  const reports = all.map(({ loaded, ended, failed }, rank): RankReport => ({
    rank,
    loaded,
    // A rank that failed to load has no cell, but its peak is known.
    ended: ended ?? (failed && { ...failed, event: "cell_failed", cellId: "", recovered: false }),
  }));
  const cell: MeasuredCell = {
    batchSize: context.batchSize,
    streams: context.streams,
    devicesPerNode: context.devicesPerNode,
    versions: all.find(({ started }) => started !== undefined)?.started?.versions ?? {},
  };
  return measure(reports, cell);
}
