/**
 * Runs one session of a plan: starts it, takes what it measured, and starts it again without the cells that died until
 * every cell has an outcome.
 */
import { join } from "node:path";
import { DEEPSPEED_CONFIG_FILE, renderLaunchScript } from "../launch/files.ts";
import { fillLaunch } from "../launch/fill.ts";
import type { Plan, PlanCell, PlanSession } from "../plan/plan.ts";
import { type AttemptEnd, runAttempt } from "./attempt.ts";
import { extensionVariables } from "./environment.ts";
import { type AttemptOutcome, type CellOutcome, readOutcome } from "./outcome.ts";
import type { WorkerEvent } from "./protocol.ts";
import { workerRequest } from "./request.ts";
import { fileName, writeWhole } from "./run_folder.ts";

/** What sessions need of the host. */
export interface SessionHost {
  readonly python: string;
  /** Folder of the worker scripts, absolute. */
  readonly workersDirectory: string;
  /** Folder for DeepSpeed's compiled operations. */
  readonly extensionsDirectory: string;
  readonly runFolder: string;
  /** Indices of the GPUs that the run may use; empty on a cpu host. */
  readonly gpus: readonly number[];
  readonly cores: number;
}

/** What to run and whom to tell. */
export interface SessionRequest {
  readonly plan: Plan;
  readonly session: PlanSession;
  readonly cells: readonly PlanCell[];
  /** Absolute folder of the weights; null when they are made on the device. */
  readonly checkpoint: string | null;
  readonly host: SessionHost;
  readonly signal?: AbortSignal;
  readonly onEvent: (event: WorkerEvent) => void;
  /** Called once for each cell, as soon as its outcome is known for good. `logPath` is relative to the run folder. */
  readonly onOutcome: (cell: PlanCell, outcome: CellOutcome, logPath: string) => void;
}

/** Another engine may take the free port before the launcher does. */
const PORT_ATTEMPTS = 3;
const PORT_TAKEN_REGEXP = /EADDRINUSE|address already in use/i;
/** Loading a model that nobody has predicted right may take long; a hang must end all the same. */
const LEAST_LOAD_TIMEOUT_SECONDS = 600;

/** Runs a session until each of its cells has an outcome. */
export async function runSession(request: SessionRequest): Promise<void> {
  let pending = request.cells;
  let portAttempts = 0;
  for (let number = 1; pending.length > 0; number += 1) {
    const { outcome, end, logPath } = await startAttempt(request, pending, number);
    if (outcome.loadFailure !== null) {
      portAttempts += 1;
      if (PORT_TAKEN_REGEXP.test(end.process.tail) && portAttempts < PORT_ATTEMPTS) continue;
      for (const cell of pending) request.onOutcome(cell, outcome.loadFailure, logPath);
      return;
    }
    pending = settle(request, pending, outcome, end, logPath);
  }
}

/** Passes the outcomes on and returns the cells that are still to run. */
function settle(
  request: SessionRequest,
  cells: readonly PlanCell[],
  outcome: AttemptOutcome,
  end: AttemptEnd,
  logPath: string,
): readonly PlanCell[] {
  const rest: PlanCell[] = [];
  for (const cell of cells) {
    const found = outcome.cells.get(cell.id);
    if (found === undefined) rest.push(cell);
    else request.onOutcome(cell, found, logPath);
  }
  if (rest.length < cells.length && end.stopped !== "interrupted") return rest;
  // Nothing came of this attempt, so another one would not end: the workers died between loading and the first cell.
  const status = end.stopped === "interrupted" ? "interrupted" : "crashed";
  const message = status === "interrupted"
    ? "the run was interrupted"
    : "the worker ended before it started a cell";
  for (const cell of rest) request.onOutcome(cell, { status, message, measurement: null }, logPath);
  return [];
}

async function startAttempt(
  request: SessionRequest,
  cells: readonly PlanCell[],
  number: number,
): Promise<{ outcome: AttemptOutcome; end: AttemptEnd; logPath: string }> {
  const { plan, session, host } = request;
  const relative = join("sessions", fileName(session.id), `attempt-${number}`);
  const folder = join(host.runFolder, relative);
  Deno.mkdirSync(join(folder, "events"), { recursive: true });
  const launch = prepare(request, folder);
  const timeoutSeconds = plan.benchmark.timeoutSeconds;
  const asked = workerRequest(plan, session, cells, {
    checkpoint: request.checkpoint,
    startedAt: Date.now() / 1000,
  });
  writeWhole(join(folder, "request.json"), JSON.stringify(asked, null, 2));
  const end = await runAttempt({
    ...launch,
    folder,
    logPath: join(folder, "log.txt"),
    worldSize: session.worldSize,
    loadTimeoutSeconds: loadTimeoutSeconds(cells),
    cellTimeoutSeconds: timeoutSeconds,
    ...(request.signal === undefined ? {} : { signal: request.signal }),
    onEvent: request.onEvent,
  });
  const outcome = readOutcome(end, asked.cells, {
    worldSize: session.worldSize,
    devicesPerNode: plan.hardware.devices.count,
    streams: cells[0]?.prediction.time?.streams ?? 1,
    timeoutSeconds,
  });
  return { outcome, end, logPath: join(relative, "log.txt") };
}

/** Writes what the launch needs and what people need to repeat it. */
function prepare(
  { plan, session, host }: SessionRequest,
  folder: string,
): { argv: string[]; env: Record<string, string> } {
  const filled = fillLaunch(session.launch, {
    python: host.python,
    session: folder,
    workers: host.workersDirectory,
    devices: host.gpus.slice(0, session.worldSize).join(","),
    port: freePort(),
    threads: Math.max(1, Math.floor(host.cores / session.worldSize)),
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

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

function loadTimeoutSeconds(cells: readonly PlanCell[]): number {
  const predicted = cells.map(({ prediction }) => prediction.time?.loadSeconds.high ?? 0);
  return Math.max(LEAST_LOAD_TIMEOUT_SECONDS, 3 * Math.max(0, ...predicted));
}
