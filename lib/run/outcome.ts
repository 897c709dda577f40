/** What the end of a cell, or of its session, means for the cell. */
import type { AttemptEnd } from "./attempt.ts";
import { readDeath } from "./death.ts";
import { type Failure, failureOf } from "./failure_kinds.ts";
import { measure, type MeasuredCell, type RankReport } from "./measure.ts";
import type { CellStatus, Measurement } from "./protocol.ts";
import type { Ranks, RankState } from "./ranks.ts";
import { scriptOutcome } from "./script_outcome.ts";

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
  readonly promptTokens: number;
  readonly newTokens: number;
  readonly devicesPerNode: number;
  readonly streams: number;
  /** Memory of the host; what counts as short is a part of it. */
  readonly hostBytes: number;
}

/** The outcome of a cell that every rank has ended, or that one rank has failed in. */
export function endedOutcome({ all }: Ranks, context: OutcomeContext): CellOutcome {
  const script = all[0]?.ended;
  if (script?.event === "script_ended") return scriptOutcome(script, context);
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
  const measurement = heard ? measureRanks(all, context) : null;
  return {
    ...readDeath(end, context.hostBytes),
    measurement: withHostPeak(measurement, end),
  };
}

/** What the processes held when the host's budget ended them: no rank lived to tell. */
function withHostPeak(
  measurement: Measurement | null,
  { stopped, host: { peakTreeBytes } }: AttemptEnd,
): Measurement | null {
  if (stopped?.kind !== "host" || peakTreeBytes === null) return measurement;
  const nothing = { devices: [], hosts: [], time: null, tokenIds: [], tokensSha256: null };
  const { hosts, ...rest } = measurement ?? { ...nothing, versions: {} };
  const [first = { node: 0, peakBytes: 0, pinnedBytes: 0 }, ...others] = hosts;
  return { ...rest, hosts: [{ ...first, peakBytes: peakTreeBytes }, ...others] };
}

/** Why the model never became ready: the outcome of every cell of the session. */
export function loadOutcome(ranks: Ranks, end: AttemptEnd, context: OutcomeContext): CellOutcome {
  const failures = ranks.all.map(({ failed }) => failed).filter((failed) => failed !== undefined);
  const failure = failures.find(({ status }) => status === "oom") ?? failures[0];
  if (failure === undefined || end.stopped?.kind === "host") {
    return { ...readDeath(end, context.hostBytes), measurement: withHostPeak(null, end) };
  }
  const measurement = measureRanks(ranks.all, context);
  const message = `loading: ${failure.message}`;
  return { status: failure.status, measurement, message, ...known(failure.message) };
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
    ended: ofWorker(ended) ??
      (failed && { ...failed, event: "cell_failed", cellId: "", recovered: false }),
  }));
  const cell: MeasuredCell = {
    batchSize: context.batchSize,
    streams: context.streams,
    devicesPerNode: context.devicesPerNode,
    versions: all.find(({ started }) => started !== undefined)?.started?.versions ?? {},
  };
  return measure(reports, cell);
}

function ofWorker(ended: RankState["ended"]): RankReport["ended"] {
  return ended?.event === "script_ended" ? undefined : ended;
}
