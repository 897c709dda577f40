/**
 * Runs a plan: looks at the host, prepares the environment and the weights, and serves one session after the other.
 * Everything that is to last goes through the journal of the run's folder first, so whatever ends the run costs at most the
 * cell in flight, and the same call with the folder goes on from there.
 */
import { reasonOf as errorText } from "../catalog/json_file.ts";
import { type Diagnostic, DiagnosticError, type Outcome } from "../diagnostics/diagnostic.ts";
import { leftoversEnded, nothingToRun, runFolderFailed } from "../diagnostics/messages/run.ts";
import type { Plan, PlanCell } from "../plan/plan.ts";
import type { PredictedOom } from "../plan/selection.ts";
import { VERSION } from "../version.ts";
import { WORKERS_DIRECTORY } from "../workers/directory.ts";
import { CellCompactor } from "../plan/compact_cells.ts";
import type { Rerun } from "./decide.ts";
import type { Limits } from "./conversation.ts";
import { examine, type HostFacts, usableGpus } from "./host.ts";
import { HostLedger } from "./host_ledger.ts";
import { JOURNAL_VERSION } from "./journal_records.ts";
import { endLeftovers, findLeftovers } from "./leftovers.ts";
import { findGroupPlace } from "./memory_group_place.ts";
import { prepare, type Prepared } from "./prepare.ts";
import type { Progress } from "./progress.ts";
import type { Results, RunFacts } from "./results.ts";
import { findEnvironment, prepareCheckpoints } from "./run_setup.ts";
import { RunStore } from "./run_store.ts";
import { serveSessions } from "./schedule.ts";
import type { Service } from "./serve.ts";
import { serveLimits } from "./serve_limits.ts";
export type { Progress } from "./progress.ts";

/** What a run may be told beside its plan. */
export interface RunOptions {
  /** Folder in which the run's folder is made. @default "runs" */
  readonly outDir?: string;
  /** Folder of a run of this very plan that is to go on; beats `outDir`. */
  readonly resume?: string;
  /** Cells to run again although they have an outcome. */
  readonly rerun?: Rerun;
  /** Interpreter that has the stack already; beats the plan's. Without one an environment is made in the cache. */
  readonly python?: string;
  /** Whether the interpreter may have other versions than the plan. @default false */
  readonly anyVersions?: boolean;
  /** Package index to take torch from. */
  readonly torchIndex?: string;
  /** Beats the plan's `budget.predictedOom`. */
  readonly predictedOom?: PredictedOom;
  /** Search the largest batch of every configuration that really runs, instead of running the cells. @default false */
  readonly findLimit?: boolean;
  /** Most seconds that one session may take, loading included. */
  readonly sessionSeconds?: number;
  /** Told of everything that happens, as it happens. */
  readonly onProgress?: (progress: Progress) => void;
  /** Ends the run: the cell in flight counts as interrupted, and the results so far are written. */
  readonly signal?: AbortSignal;
}

/** What a run finds around it; tests bring their own. */
export interface Surroundings {
  readonly examine: () => Promise<HostFacts>;
  readonly findEnvironment: typeof findEnvironment;
  readonly prepareCheckpoints: typeof prepareCheckpoints;
  /** Folder of the worker scripts, absolute. */
  readonly workersDirectory: string;
  /** Limits of sessions that beat the usual ones. */
  readonly limits?: Partial<Limits>;
}

const REAL: Surroundings = {
  examine,
  findEnvironment,
  prepareCheckpoints,
  workersDirectory: WORKERS_DIRECTORY,
};

/**
 * Runs a plan to its end.
 *
 * @returns The results, or what stands in the way before anything is launched: the stack cannot be run (STW501), the
 * host lacks the hardware (STW502), the Python environment (STW4xx) or the checkpoint (STW504) cannot be made, the folder
 * cannot be written (STW506) or another engine has it (STW511). A journal that cannot be written ends it (STW512).
 */
export async function run(
  plan: Plan,
  options: RunOptions = {},
  surroundings: Surroundings = REAL,
): Promise<Outcome<Results>> {
  try {
    return await runPlan(compactPlan(plan), options, surroundings);
  } catch (error) {
    if (error instanceof DiagnosticError) return { diagnostics: error.diagnostics };
    throw error;
  }
}

function compactPlan(plan: Plan): Plan {
  const compactor = new CellCompactor();
  return { ...plan, cells: plan.cells.map((cell) => compactor.compact(cell)) };
}

async function runPlan(
  plan: Plan,
  options: RunOptions,
  around: Surroundings,
): Promise<Outcome<Results>> {
  const prepared = await prepare(plan, options, around);
  if (prepared.value === undefined) return { diagnostics: prepared.diagnostics };
  const store = openStore(prepared.value.plan, options);
  try {
    return await serveAll(store, prepared.value, options, around);
  } finally {
    store.close();
  }
}

/** Serves every session, or searches the limits, and writes the results. */
async function serveAll(
  store: RunStore,
  prepared: Prepared,
  options: RunOptions,
  around: Surroundings,
): Promise<Outcome<Results>> {
  const { plan, choices, facts, toRun, earlier, groups, environment } = prepared;
  options.onProgress?.({ kind: "folder", folder: store.folder });
  const cleared = await clearLeftovers();
  begin(store, prepared, options.resume !== undefined);
  const runFacts: RunFacts = {
    folder: store.folder,
    startedAt: store.startedAt ?? new Date().toISOString(),
    endedAt: null,
    interrupted: false,
    host: facts,
    python: environment.python,
  };
  const service: Service = {
    plan,
    cells: toRun,
    cellIds: idsOf(toRun),
    total: toRun.length + store.size,
    checkpoints: prepared.checkpoints,
    host: {
      python: environment.python,
      workersDirectory: around.workersDirectory,
      extensionsDirectory: environment.extensionsDirectory,
      runFolder: store.folder,
      gpus: usableGpus(plan.hardware, prepared.gpus),
      cores: facts.cores,
      memoryBytes: facts.memoryBytes,
      ...(plan.budget.hostBytes === undefined ? {} : { groups: findGroupPlace() }),
    },
    store,
    facts: runFacts,
    ledger: new HostLedger(),
    options: {
      ...options,
      ...(around.limits === undefined ? {} : { limits: around.limits }),
    },
  };
  const warnings = await serveSessions(service);
  const limits = options.findLimit ? await serveLimits(service, groups, earlier) : undefined;
  const ended = {
    ...runFacts,
    endedAt: new Date().toISOString(),
    interrupted: options.signal?.aborted ?? false,
    conditions: store.conditions,
  };
  const more = limits === undefined ? {} : { limits };
  const results = store.finish(plan, service.cellIds, ended, more);
  const isEmpty = toRun.length === 0 && store.size === 0 && limits === undefined;
  const empty = isEmpty ? [nothingToRun({ predictedOom: choices.predictedOom })] : [];
  const diagnostics = [...empty, ...cleared, ...warnings, ...store.diagnostics];
  return { value: results, diagnostics };
}

function openStore(plan: Plan, { resume, outDir = "runs" }: RunOptions): RunStore {
  try {
    return resume === undefined ? RunStore.create(outDir, plan, new Date()) : RunStore.open(resume);
  } catch (error) {
    if (error instanceof DiagnosticError) throw error;
    const diagnostic = runFolderFailed({ folder: resume ?? outDir, reason: errorText(error) });
    throw new DiagnosticError([diagnostic]);
  }
}

/** The first lines of this engine in the journal: who it is, and what it takes over. */
function begin(
  store: RunStore,
  { plan, decisions, facts, environment, choices }: Prepared,
  isResumed: boolean,
): void {
  store.append({
    record: "run",
    journalVersion: JOURNAL_VERSION,
    time: new Date().toISOString(),
    toolVersion: VERSION,
    pipeline: plan.pipeline,
    host: facts,
    python: environment.python,
    pid: Deno.pid,
    total: decisions.filter(({ action }) => action !== "skip").length,
    choices,
  });
  for (const decision of decisions) {
    const { cell, action } = decision;
    if (action !== "reuse") continue;
    if (isResumed) store.keep(cell, decision);
    else if (decision.outcome !== undefined) store.note(cell, decision.outcome);
  }
}

async function clearLeftovers(): Promise<Diagnostic[]> {
  const ended = await endLeftovers(findLeftovers());
  if (ended.length === 0) return [];
  const processes = ended.map(({ entry, command }) => `${entry.pid} (${command})`);
  return [leftoversEnded({ processes })];
}

function idsOf(cells: readonly PlanCell[]): ReadonlySet<string> {
  return new Set(cells.map(({ id }) => id));
}
