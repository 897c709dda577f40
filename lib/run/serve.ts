/** Serves one session of a run, and notes what becomes of its cells. */
import { type Diagnostic, DiagnosticError } from "../diagnostics/diagnostic.ts";
import { journalFailed, launchFailed } from "../diagnostics/messages/run.ts";
import type { Plan, PlanCell, PlanSession } from "../plan/plan.ts";
import { firstLine } from "../report/first_line.ts";
import { type CellQueue, ListQueue } from "./cell_queue.ts";
import type { Limits } from "./conversation.ts";
import type { CellOutcome } from "./outcome.ts";
import type { HostLedger } from "./host_ledger.ts";
import type { Progress } from "./progress.ts";
import type { RunFacts } from "./results.ts";
import { recorded, type RunStore } from "./run_store.ts";
import { isDiskError, isSystemError } from "./system_errors.ts";
import { runSession, type SessionHost } from "./session.ts";

/** What to serve. */
export interface Service {
  readonly plan: Plan;
  /** The cells to run. */
  readonly cells: readonly PlanCell[];
  /** Their ids. */
  readonly cellIds: ReadonlySet<string>;
  /** Cells that the run is to have an outcome of, those that it took over included. */
  readonly total: number;
  /** Folder of the random weights by dtype. */
  readonly checkpoints: ReadonlyMap<string, string>;
  readonly host: SessionHost;
  readonly store: RunStore;
  readonly facts: RunFacts;
  /** What sessions hold of the host's memory together. */
  readonly ledger: HostLedger;
  readonly options: {
    readonly sessionSeconds?: number;
    readonly limits?: Partial<Limits>;
    readonly onProgress?: (progress: Progress) => void;
    readonly signal?: AbortSignal;
  };
}

/** Serves cells in one session. @returns What went wrong beside them. */
export async function serveOne(
  service: Service,
  session: PlanSession,
  cells: readonly PlanCell[],
): Promise<Diagnostic[]> {
  const dtype = cells[0]?.strategy.dtype ?? "";
  const { total } = service;
  return await serveQueue(service, session, new ListQueue(cells), { dtype, cells, total });
}

/** Serves the cells of a queue in one session. @returns What went wrong beside them. */
export async function serveQueue(
  service: Service,
  session: PlanSession,
  queue: CellQueue,
  { dtype, cells, total }: {
    readonly dtype: string;
    /** What the session is for, to be told. */
    readonly cells: readonly PlanCell[];
    /** Cells of the run; 0 when nobody knows. */
    readonly total: number;
  },
): Promise<Diagnostic[]> {
  const { plan, store, options } = service;
  function settle(cell: PlanCell, outcome: CellOutcome, logPath: string | null): void {
    store.note(cell, recorded(outcome, logPath));
    store.showResults(plan, service.cellIds, service.facts);
    options.onProgress?.({ kind: "outcome", cell, outcome, done: store.size, total });
  }
  options.onProgress?.({ kind: "session", session, cells });
  const clock = new SessionClock(options.signal, options.sessionSeconds);
  try {
    const inFlight = await runSession({
      plan,
      session,
      queue,
      checkpoint: plan.model.weightsPath ?? service.checkpoints.get(dtype) ?? null,
      host: service.host,
      ledger: service.ledger,
      journal: store.sessionJournal(session.id),
      ...(options.limits === undefined ? {} : { limits: options.limits }),
      signal: clock.signal,
      onEvent: (event) => options.onProgress?.({ kind: "event", session, event }),
      onStart: (cell) => options.onProgress?.({ kind: "cell", session, cell }),
      onRetry(cell, message) {
        options.onProgress?.({ kind: "note", text: retryText(session, cell, message) });
      },
      onOutcome: settle,
    });
    if (clock.isUsedUp) timeOut(inFlight, queue, options.sessionSeconds ?? 0, settle);
    return [];
  } catch (error) {
    if (isDiskError(error)) {
      const { folder } = store;
      throw new DiagnosticError([journalFailed({ path: folder, reason: error.message, folder })]);
    }
    if (!isSystemError(error)) throw error;
    // The launcher could not be started: one session is lost, not the run.
    for (const cell of queue.rest()) {
      const outcome = { status: "crashed", measurement: null, message: error.message } as const;
      queue.settled(cell, outcome);
      settle(cell, outcome, null);
    }
    return [launchFailed({ session: session.id, reason: error.message })];
  } finally {
    clock.stop();
  }
}

/** That a session is started again is no outcome, and explains the time that it takes. */
function retryText({ id }: PlanSession, cell: PlanCell | null, message: string): string {
  const why = firstLine(message, 160);
  return cell === null
    ? `${id}: ${why}; it is started once more`
    : `${cell.id}: the session died (${why}); started anew, the cell once more after the others`;
}

function timeOut(
  inFlight: PlanCell | null,
  queue: CellQueue,
  seconds: number,
  settle: (cell: PlanCell, outcome: CellOutcome, logPath: null) => void,
): void {
  const message = `the session took longer than ${seconds} s`;
  const left = [...(inFlight === null ? [] : [inFlight]), ...queue.rest()];
  for (const cell of left) settle(cell, { status: "timeout", measurement: null, message }, null);
}

/** The signal of the run, and one of the session's own after its time. */
class SessionClock {
  readonly signal: AbortSignal;
  readonly #own = new AbortController();
  readonly #outer: AbortSignal | undefined;
  readonly #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(outer: AbortSignal | undefined, seconds: number | undefined) {
    this.#outer = outer;
    this.signal = AbortSignal.any([this.#own.signal, ...(outer === undefined ? [] : [outer])]);
    if (seconds !== undefined) this.#timer = setTimeout(() => this.#own.abort(), seconds * 1000);
  }

  get isUsedUp(): boolean {
    return this.#own.signal.aborted && !this.#outer?.aborted;
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
