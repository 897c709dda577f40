/**
 * Runs a plan: looks at the host, prepares the environment and the weights, starts one session after the other, and
 * writes the results after every cell, so that whatever ends the run costs at most the cell in flight.
 */
import { join } from "node:path";
import { type Diagnostic, hasErrors, type Outcome } from "../diagnostics/diagnostic.ts";
import {
  launchFailed,
  nothingToRun,
  runFolderFailed,
  stackNotRunnable,
} from "../diagnostics/messages/run.ts";
import { reasonOf as errorText } from "../catalog/json_file.ts";
import { stackFacts } from "../catalog/stack.ts";
import { renderRunNotes } from "../launch/files.ts";
import type { Plan, PlanCell, PlanSession } from "../plan/plan.ts";
import { type PredictedOom, selectCells } from "../plan/selection.ts";
import { renderJson } from "../report/render.ts";
import { WORKERS_DIRECTORY } from "../workers/directory.ts";
import { cacheDirectory } from "./cache.ts";
import { prepareCheckpoint } from "./checkpoint.ts";
import { prepareEnvironment } from "./environment/prepare.ts";
import { examine, missingHardware, visibleGpus } from "./host.ts";
import type { CellOutcome } from "./outcome.ts";
import type { WorkerEvent } from "./protocol.ts";
import { RunRecord } from "./record.ts";
import type { Results } from "./results.ts";
import { makeRunFolder, writeWhole } from "./run_folder.ts";
import { runSession, type SessionHost } from "./session.ts";

/** What a run may be told beside its plan. */
export interface RunOptions {
  /** Folder in which the run's folder is made. @default "runs" */
  readonly outDir?: string;
  /** Interpreter that has the stack already; beats the plan's. Without one an environment is made in the cache. */
  readonly python?: string;
  /** Whether the interpreter may have other versions than the plan. @default false */
  readonly anyVersions?: boolean;
  /** Package index to take torch from. */
  readonly torchIndex?: string;
  /** Beats the plan's `budget.predictedOom`. */
  readonly predictedOom?: PredictedOom;
  /** Told of everything that happens, as it happens. */
  readonly onProgress?: (progress: Progress) => void;
  /** Ends the run: the cell in flight counts as interrupted, and the results so far are written. */
  readonly signal?: AbortSignal;
}

/** What happens while a plan runs. */
export type Progress =
  | { readonly kind: "note"; readonly text: string }
  | { readonly kind: "folder"; readonly folder: string }
  | {
    readonly kind: "session";
    readonly session: PlanSession;
    readonly cells: readonly PlanCell[];
  }
  | { readonly kind: "event"; readonly session: PlanSession; readonly event: WorkerEvent }
  | {
    readonly kind: "outcome";
    readonly cell: PlanCell;
    readonly outcome: CellOutcome;
    readonly done: number;
    readonly total: number;
  };

/**
 * Runs a plan to its end.
 *
 * @returns The results, or what stands in the way before anything is launched: the stack cannot be run (STW501), the
 * host lacks the hardware (STW502), the Python environment (STW4xx) or the checkpoint (STW504) cannot be made.
 */
export async function run(plan: Plan, options: RunOptions = {}): Promise<Outcome<Results>> {
  const say = (text: string) => options.onProgress?.({ kind: "note", text });
  const policy = options.predictedOom ?? plan.budget.predictedOom;
  const { plan: chosen, selected } = selectCells(plan, policy);
  const facts = await examine();
  const gpus = visibleGpus(facts.gpus, Deno.env.get("CUDA_VISIBLE_DEVICES"));
  const obstacles = [...stackObstacle(plan), ...missingHardware(plan.hardware, gpus)];
  if (hasErrors(obstacles)) return { diagnostics: obstacles };
  const total = [...selected.values()].reduce((sum, cells) => sum + cells.length, 0);
  if (total === 0) obstacles.push(nothingToRun({ predictedOom: policy }));

  const cache = cacheDirectory((name) => Deno.env.get(name));
  const python = options.python ?? plan.python;
  const environment = await prepareEnvironment({
    stack: plan.stack,
    ...(python === undefined ? {} : { python }),
    anyVersions: options.anyVersions ?? false,
    needsDeepspeed: plan.cells.some(({ strategy }) => strategy.use !== "accelerate"),
    ...(options.torchIndex === undefined ? {} : { torchIndex: options.torchIndex }),
    cacheDirectory: cache,
    workersDirectory: WORKERS_DIRECTORY,
    say,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  if (environment.value === undefined) return { diagnostics: environment.diagnostics };

  const checkpoints = await prepareCheckpoints(chosen, selected, {
    python: environment.value.python,
    cache,
    say,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  if (checkpoints.value === undefined) return { diagnostics: checkpoints.diagnostics };

  const outDir = options.outDir ?? "runs";
  let folder: string;
  try {
    folder = makeRunFolder(outDir, plan.pipeline.name, new Date());
    writeWhole(join(folder, "plan.json"), renderJson(chosen));
    writeWhole(join(folder, "NOTES.md"), renderRunNotes(chosen));
  } catch (error) {
    return { diagnostics: [runFolderFailed({ folder: outDir, reason: errorText(error) })] };
  }
  options.onProgress?.({ kind: "folder", folder });
  const record = new RunRecord(chosen, {
    folder,
    startedAt: new Date().toISOString(),
    host: facts,
    python: environment.value.python,
  });
  const host: SessionHost = {
    python: environment.value.python,
    workersDirectory: WORKERS_DIRECTORY,
    extensionsDirectory: environment.value.extensionsDirectory,
    runFolder: folder,
    gpus: gpus.map(({ index }) => index),
    cores: facts.cores,
  };
  for (const session of chosen.sessions) {
    const cells = selected.get(session.id) ?? [];
    if (cells.length === 0) continue;
    await serve(session, cells, {
      plan: chosen,
      host,
      checkpoints: checkpoints.value,
      options,
      isSettled: (cell) => record.has(cell.id),
      settle(cell, outcome, logPath) {
        record.note(cell, outcome, logPath);
        options.onProgress?.({ kind: "outcome", cell, outcome, done: record.size, total });
      },
      warn: (diagnostic) => record.diagnostics.push(diagnostic),
    });
  }
  const results = record.finish(new Date(), { interrupted: options.signal?.aborted ?? false });
  return { value: results, diagnostics: [...obstacles, ...record.diagnostics] };
}

/** What serving a session needs and whom it tells. */
interface Service {
  readonly plan: Plan;
  readonly host: SessionHost;
  /** Folder of the random weights by dtype. */
  readonly checkpoints: ReadonlyMap<string, string>;
  readonly options: RunOptions;
  readonly isSettled: (cell: PlanCell) => boolean;
  readonly settle: (cell: PlanCell, outcome: CellOutcome, logPath: string | null) => void;
  readonly warn: (diagnostic: Diagnostic) => void;
}

async function serve(
  session: PlanSession,
  cells: readonly PlanCell[],
  { plan, host, checkpoints, options, isSettled, settle, warn }: Service,
): Promise<void> {
  if (options.signal?.aborted) {
    const message = "the run was interrupted";
    for (const cell of cells) {
      settle(cell, { status: "interrupted", measurement: null, message }, null);
    }
    return;
  }
  options.onProgress?.({ kind: "session", session, cells });
  try {
    await runSession({
      plan,
      session,
      cells,
      checkpoint: plan.model.weightsPath ?? checkpoints.get(cells[0]?.strategy.dtype ?? "") ?? null,
      host,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      onEvent: (event) => options.onProgress?.({ kind: "event", session, event }),
      onOutcome: settle,
    });
  } catch (error) {
    if (!(error instanceof Error) || !isSystemError(error)) throw error;
    // The launcher could not be started, or the disk is full: one session is lost, not the run.
    warn(launchFailed({ session: session.id, reason: error.message }));
    for (const cell of cells.filter((cell) => !isSettled(cell))) {
      settle(cell, { status: "crashed", measurement: null, message: error.message }, null);
    }
  }
}

/** What the operating system refuses, as against a bug of ours. */
function isSystemError(error: Error): boolean {
  return "code" in error || Object.values(Deno.errors).some((kind) => error instanceof kind);
}

function stackObstacle({ stack }: Plan): Diagnostic[] {
  if (stack.runnable) return [];
  const runnable = stackFacts().filter((fact) => fact.runnable).map(({ name }) => name);
  return [stackNotRunnable({ stack: stack.name, runnable })];
}

/** The folder of the random checkpoint for each dtype that the run loads. */
async function prepareCheckpoints(
  plan: Plan,
  selected: ReadonlyMap<string, readonly PlanCell[]>,
  { python, cache, say, signal }: {
    readonly python: string;
    readonly cache: string;
    readonly say: (text: string) => void;
    readonly signal?: AbortSignal;
  },
): Promise<Outcome<ReadonlyMap<string, string>>> {
  const folders = new Map<string, string>();
  if (plan.model.weights !== "random") return { value: folders, diagnostics: [] };
  const cells = [...selected.values()].flat();
  for (const dtype of new Set(cells.map(({ strategy }) => strategy.dtype))) {
    const made = await prepareCheckpoint({
      model: plan.model,
      dtype,
      seed: plan.seed,
      python,
      cacheDirectory: cache,
      workersDirectory: WORKERS_DIRECTORY,
      say,
      ...(signal === undefined ? {} : { signal }),
    });
    if (made.value === undefined) return { diagnostics: made.diagnostics };
    folders.set(dtype, made.value);
  }
  return { value: folders, diagnostics: [] };
}
