/**
 * Runs one session of a plan: starts it, asks for its cells one by one, and starts it again after a fault until every
 * cell has an outcome.
 */
import { join } from "node:path";
import { DEEPSPEED_CONFIG_FILE, renderLaunchScript } from "../launch/files.ts";
import { fillLaunch } from "../launch/fill.ts";
import type { Plan, PlanCell, PlanSession } from "../plan/plan.ts";
import { type AttemptEnd, runAttempt } from "./attempt.ts";
import type { CellQueue } from "./cell_queue.ts";
import { CommandWriter } from "./commands_file.ts";
import { type Conditions, observe } from "./conditions.ts";
import { Conversation, type Limits } from "./conversation.ts";
import {
  type CellOutcome,
  deathOutcome,
  endedOutcome,
  loadOutcome,
  type OutcomeContext,
} from "./outcome.ts";
import type { WorkerEvent } from "./protocol.ts";
import { workerCell, workerRequest } from "./request.ts";
import { extensionVariables } from "./environment.ts";
import { freePort } from "./free_port.ts";
import type { HostLedger } from "./host_ledger.ts";
import type { GroupPlace } from "./memory_group_place.ts";
import { fileName, writeWhole } from "./run_folder.ts";

/** What sessions need of the host. */
export interface SessionHost {
  readonly python: string;
  /** Folder of the worker scripts, absolute. */
  readonly workersDirectory: string;
  /** Folder for DeepSpeed's compiled operations. */
  readonly extensionsDirectory: string;
  readonly runFolder: string;
  /** Indices of the GPUs that the session has; empty on a cpu host. */
  readonly gpus: readonly number[];
  readonly cores: number;
  /** Physical memory. */
  readonly memoryBytes: number;
  /** Where a session may have a control group that holds it to the budget of the host; absent where none is wanted. */
  readonly groups?: GroupPlace;
}

/** What a session writes down before it acts; each call returns when that is on the disk. */
export interface SessionJournal {
  /** Launches of the session by earlier engines. */
  readonly attempts: number;
  launches(attempt: number, token: string, conditions: Conditions): void;
  ended(token: string): void;
  starts(cell: PlanCell): void;
  /** The session ended in the cell without a word. @returns How often it did so far. */
  died(cell: PlanCell, message: string): number;
}

/** What to run and whom to tell. */
export interface SessionRequest {
  readonly plan: Plan;
  readonly session: PlanSession;
  readonly queue: CellQueue;
  /** Absolute folder of the weights; null when they are made on the device. */
  readonly checkpoint: string | null;
  readonly host: SessionHost;
  /** What sessions hold of the host's memory together; absent where there is but one. */
  readonly ledger?: HostLedger;
  readonly journal: SessionJournal;
  /** Beat the usual ones. */
  readonly limits?: Partial<Limits>;
  readonly signal?: AbortSignal;
  readonly onEvent: (event: WorkerEvent) => void;
  /** Told when a cell is asked for. */
  readonly onStart?: (cell: PlanCell) => void;
  /** Told when the session is started once more, and why: for a cell that it died in, or before it had loaded. */
  readonly onRetry?: (cell: PlanCell | null, message: string) => void;
  /** Called once for each cell, as soon as its outcome is known for good. `logPath` is relative to the run folder. */
  readonly onOutcome: (cell: PlanCell, outcome: CellOutcome, logPath: string | null) => void;
}

/** Another engine may take the free port before the launcher does; and a load may be killed for no fault of its own. */
const LOAD_ATTEMPTS = 3;
const PORT_TAKEN_REGEXP = /EADDRINUSE|address already in use/i;
/** A cell in which the session died is tried once more, after all others. */
const DEATHS = 2;
/** Launches in a row that die between loading and the first cell. */
const FRUITLESS_ATTEMPTS = 2;
/** Loading a model that nobody has predicted right may take long; a hang must end all the same. */
const LEAST_LOAD_SECONDS = 600;

/**
 * Runs a session until each of its cells has an outcome, or until the signal ends it.
 *
 * @returns The cell in flight, when the signal came in the middle of one.
 */
export async function runSession(request: SessionRequest): Promise<PlanCell | null> {
  const { queue, journal } = request;
  let loadAttempts = 0;
  let fruitless = 0;
  for (let number = journal.attempts + 1; !queue.isEmpty; number += 1) {
    if (request.signal?.aborted) return null;
    const { conversation, end, logPath, served } = await startAttempt(request, number);
    const settle = (cell: PlanCell, outcome: CellOutcome) => {
      queue.settled(cell, outcome);
      request.onOutcome(cell, outcome, logPath);
    };
    if (end.stopped?.kind === "interrupted") return conversation.cell;
    if (!conversation.isLoaded) {
      loadAttempts += 1;
      const wasUnlucky = PORT_TAKEN_REGEXP.test(end.process.tail) ||
        (end.stopped === null && end.process.signal !== null);
      const outcome = loadOutcome(conversation.ranks, end, contextOf(request, null));
      if (wasUnlucky && loadAttempts < LOAD_ATTEMPTS) {
        request.onRetry?.(null, outcome.message ?? "");
        continue;
      }
      for (const cell of queue.rest()) settle(cell, outcome);
      return null;
    }
    const { cell } = conversation;
    if (cell !== null) {
      const outcome = inFlight(conversation, end, contextOf(request, cell));
      const diedAlone = outcome.status === "crashed" && !hasFailed(conversation);
      if (diedAlone && journal.died(cell, outcome.message ?? "") < DEATHS) {
        queue.retry(cell);
        request.onRetry?.(cell, outcome.message ?? "");
      } else settle(cell, outcome);
    }
    fruitless = served > 0 || cell !== null ? 0 : fruitless + 1;
    const message = "the worker ended before it started a cell";
    if (fruitless < FRUITLESS_ATTEMPTS) {
      if (fruitless > 0 && !queue.isEmpty) request.onRetry?.(null, message);
      continue;
    }
    for (const left of queue.rest()) {
      settle(left, { status: "crashed", measurement: null, message });
    }
  }
  return null;
}

function hasFailed({ ranks }: Conversation): boolean {
  return ranks.some(({ ended }) => ended?.event === "cell_failed");
}

/** The outcome of a cell in which the session ended: a rank has said why, or nobody has. */
function inFlight(
  conversation: Conversation,
  end: AttemptEnd,
  context: OutcomeContext,
): CellOutcome {
  const everyRankEnded = conversation.ranks.every(({ ended }) => ended !== undefined);
  // Where the host's budget ended a process, failures only tell that it is gone.
  const isCause = end.stopped?.kind !== "host" || !hasFailed(conversation);
  return isCause && (hasFailed(conversation) || everyRankEnded)
    ? endedOutcome(conversation.ranks, context)
    : deathOutcome(conversation.ranks, end, context);
}

function contextOf({ plan, session, host }: SessionRequest, cell: PlanCell | null): OutcomeContext {
  const first = cell ?? plan.cells.find(({ id }) => id === session.cellIds[0]);
  return {
    batchSize: first?.batchSize ?? 1,
    promptTokens: first?.promptTokens ?? 1,
    newTokens: first?.newTokens ?? 1,
    devicesPerNode: plan.hardware.devices.count,
    streams: first?.prediction.time?.streams ?? 1,
    hostBytes: host.memoryBytes,
  };
}

async function startAttempt(
  request: SessionRequest,
  number: number,
): Promise<{ conversation: Conversation; end: AttemptEnd; logPath: string; served: number }> {
  const { plan, session, queue, host, journal } = request;
  const relative = join("sessions", fileName(session.id), `attempt-${number}`);
  const folder = join(host.runFolder, relative);
  const logPath = join(relative, "log.txt");
  Deno.mkdirSync(join(folder, "events"), { recursive: true });
  const launch = prepare(request, folder);
  const asked = workerRequest(plan, session, {
    checkpoint: request.checkpoint,
    gpus: host.gpus,
    startedAt: Date.now() / 1000,
  });
  writeWhole(join(folder, "request.json"), JSON.stringify(asked, null, 2));
  const facts = {
    checkpoint: request.checkpoint,
    devices: plan.hardware.devices.count,
    python: host.python,
    session: folder,
  };
  const commands = new CommandWriter(folder);
  let served = 0;
  try {
    const conversation = new Conversation(session.worldSize, limitsOf(request), {
      next() {
        const cell = queue.next();
        if (cell !== undefined) journal.starts(cell);
        return cell;
      },
      ask(cell) {
        request.onStart?.(cell);
        commands.send({ command: "cell", cell: workerCell(cell, facts) });
      },
      finish: () => commands.send({ command: "finish" }),
      ended(cell, ranks) {
        served += 1;
        const outcome = endedOutcome(ranks, contextOf(request, cell));
        queue.settled(cell, outcome);
        request.onOutcome(cell, outcome, logPath);
      },
    }, performance.now());
    const token = crypto.randomUUID();
    journal.launches(number, token, await observe(host.gpus));
    const end = await runAttempt({
      ...launch,
      folder,
      logPath: join(folder, "log.txt"),
      worldSize: session.worldSize,
      token,
      hostCapBytes: plan.budget.hostBytes ?? null,
      ...(host.groups === undefined ? {} : { groups: host.groups }),
      ...(request.ledger === undefined ? {} : { ledger: request.ledger }),
      ...(request.signal === undefined ? {} : { signal: request.signal }),
      onEvent: request.onEvent,
    }, conversation);
    journal.ended(token);
    return { conversation, end, logPath, served };
  } finally {
    commands.close();
  }
}

function limitsOf({ plan, session, limits }: SessionRequest): Limits {
  const ids = new Set(session.cellIds);
  const predicted = plan.cells.filter(({ id }) => ids.has(id))
    .map(({ prediction }) => prediction.time?.loadSeconds.high ?? 0);
  return {
    loadSeconds: predicted.reduce(
      (most, seconds) => Math.max(most, 3 * seconds),
      LEAST_LOAD_SECONDS,
    ),
    cellSeconds: plan.benchmark.timeoutSeconds,
    silenceSeconds: 60,
    agreeSeconds: 5,
    lingerSeconds: 15,
    ...limits,
  };
}

/** Writes what the launch needs and what people need to repeat it. */
function prepare(
  { plan, session, host }: SessionRequest,
  folder: string,
): { argv: string[]; env: Record<string, string> } {
  const sideBySide = plan.execution?.sessions ?? 1;
  const filled = fillLaunch(session.launch, {
    python: host.python,
    session: folder,
    workers: host.workersDirectory,
    devices: host.gpus.join(","),
    port: freePort(),
    threads: Math.max(1, Math.floor(host.cores / session.worldSize / sideBySide)),
  });
  // Without the environment's own ninja, another release of it would take the compiled operators for stale.
  const env = { ...filled.env, ...extensionVariables(host, Deno.env.get("PATH")) };
  for (const [name, text] of Object.entries(session.launch.files)) {
    if (name !== DEEPSPEED_CONFIG_FILE) {
      throw new Error(`Session "${session.id}" has file "${name}"`);
    }
    writeWhole(join(folder, name), text);
  }
  const script = renderLaunchScript({
    sessionId: session.id,
    pipelineName: plan.pipeline.name,
    argv: filled.argv,
    env,
  });
  writeWhole(join(folder, "launch.sh"), script);
  return { argv: filled.argv, env };
}
