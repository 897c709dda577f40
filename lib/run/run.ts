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
import { decideCells, type Decision, type Rerun } from "./decide.ts";
import type { Limits } from "./conversation.ts";
import { examine, type HostFacts, usableGpus, visibleGpus } from "./host.ts";
import { HostLedger } from "./host_ledger.ts";
import { JOURNAL_VERSION } from "./journal_records.ts";
import { endLeftovers, findLeftovers } from "./leftovers.ts";
import { findGroupPlace } from "./memory_group_place.ts";
import type { Progress } from "./progress.ts";
import type { Results, RunFacts } from "./results.ts";
import { findEarlier } from "./resume.ts";
import type { RunChoices } from "./run_choices.ts";
import { findEnvironment, obstaclesOf, prepareCheckpoints } from "./run_setup.ts";
import { RunStore } from "./run_store.ts";
import { serveSessions } from "./schedule.ts";
import type { Service } from "./serve.ts";
import { serveLimits } from "./serve_limits.ts";
import { limitGroups } from "./find_limits.ts";
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
  const tell = (progress: Progress) => options.onProgress?.(progress);
  const setup = {
    say: (text: string) => tell({ kind: "note", text }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  };
  const choices = choicesOf(plan, options);
  const facts = await around.examine();
  const gpus = visibleGpus(facts.gpus, Deno.env.get("CUDA_VISIBLE_DEVICES"));
  const obstacles = obstaclesOf(plan, choices, gpus);
  if (obstacles.length > 0) return { diagnostics: obstacles };

  const earlier = findEarlier(plan, options);
  const decisions = decideCells(plan, choices.predictedOom, facts, {
    earlier,
    ...(options.rerun === undefined ? {} : { rerun: options.rerun }),
  });
  const groups = options.findLimit ? limitGroups(plan) : [];
  const toRun = options.findLimit
    ? []
    : decisions.filter(({ action }) => action === "run").map(({ cell }) => cell);
  if (!options.findLimit) tell({ kind: "decided", decisions });

  const environment = await around.findEnvironment(plan, choices, setup);
  if (environment.value === undefined) return { diagnostics: environment.diagnostics };
  const { python, extensionsDirectory } = environment.value;
  const checkpoints = await around.prepareCheckpoints(
    plan,
    [...toRun, ...groups.flatMap(({ cells }) => cells)],
    python,
    setup,
  );
  if (checkpoints.value === undefined) return { diagnostics: checkpoints.diagnostics };

  const chosen: Plan = { ...plan, cells: decisions.map(({ cell }) => cell) };
  const store = openStore(chosen, options);
  try {
    tell({ kind: "folder", folder: store.folder });
    const cleared = await clearLeftovers();
    begin(store, chosen, options.findLimit ? [] : decisions, {
      facts,
      python,
      choices,
      isResumed: options.resume !== undefined,
    });
    const runFacts: RunFacts = {
      folder: store.folder,
      startedAt: store.startedAt ?? new Date().toISOString(),
      endedAt: null,
      interrupted: false,
      host: facts,
      python,
    };
    const service: Service = {
      plan: chosen,
      cells: toRun,
      cellIds: idsOf(toRun),
      total: toRun.length + store.size,
      checkpoints: checkpoints.value,
      host: {
        python,
        workersDirectory: around.workersDirectory,
        extensionsDirectory,
        runFolder: store.folder,
        gpus: usableGpus(plan.hardware, gpus),
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
    const results = store.finish(chosen, service.cellIds, {
      ...runFacts,
      endedAt: new Date().toISOString(),
      interrupted: options.signal?.aborted ?? false,
      conditions: store.conditions,
    }, limits === undefined ? {} : { limits });
    const empty = toRun.length === 0 && store.size === 0 && limits === undefined
      ? [nothingToRun({ predictedOom: choices.predictedOom })]
      : [];
    const diagnostics = [...empty, ...cleared, ...warnings, ...store.diagnostics];
    return { value: results, diagnostics };
  } finally {
    store.close();
  }
}

function choicesOf(plan: Plan, options: RunOptions): RunChoices {
  const python = options.python ?? plan.python;
  return {
    predictedOom: options.predictedOom ?? plan.budget.predictedOom,
    anyVersions: options.anyVersions ?? false,
    ...(options.findLimit ? { findLimit: true } : {}),
    ...(python === undefined ? {} : { python }),
    ...(options.torchIndex === undefined ? {} : { torchIndex: options.torchIndex }),
  };
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
  plan: Plan,
  decisions: readonly Decision[],
  { facts, python, choices, isResumed }: {
    readonly isResumed: boolean;
    readonly facts: HostFacts;
    readonly python: string;
    readonly choices: RunChoices;
  },
): void {
  store.append({
    record: "run",
    journalVersion: JOURNAL_VERSION,
    time: new Date().toISOString(),
    toolVersion: VERSION,
    pipeline: plan.pipeline,
    host: facts,
    python,
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
