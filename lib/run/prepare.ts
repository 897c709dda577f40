/** What is looked at, decided and made before a run has a folder. */
import type { Outcome } from "../diagnostics/diagnostic.ts";
import type { Plan, PlanCell } from "../plan/plan.ts";
import { decideCells, type Decision, type EarlierRun } from "./decide.ts";
import type { PythonEnvironment } from "./environment.ts";
import { type LimitGroup, limitGroups } from "./find_limits.ts";
import { type Gpu, type HostFacts, visibleGpus } from "./host.ts";
import type { Progress } from "./progress.ts";
import { findEarlier } from "./resume.ts";
import type { RunOptions, Surroundings } from "./run.ts";
import type { RunChoices } from "./run_choices.ts";
import { obstaclesOf } from "./run_setup.ts";

/** All that is known and there before a run has a folder. */
export interface Prepared {
  /** With the reasons that were found for its cells. */
  readonly plan: Plan;
  readonly choices: RunChoices;
  readonly facts: HostFacts;
  readonly gpus: readonly Gpu[];
  readonly earlier: readonly EarlierRun[];
  /** None where limits are searched. */
  readonly decisions: readonly Decision[];
  readonly toRun: readonly PlanCell[];
  /** Cells whose largest batch is searched. */
  readonly groups: readonly LimitGroup[];
  readonly environment: PythonEnvironment;
  readonly checkpoints: ReadonlyMap<string, string>;
}

/** Looks at the host and at earlier runs, decides, and makes the environment and the checkpoints that are missing. */
export async function prepare(
  plan: Plan,
  options: RunOptions,
  around: Surroundings,
): Promise<Outcome<Prepared>> {
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
  const decided = decideCells(plan, choices.predictedOom, facts, {
    earlier,
    ...(options.rerun === undefined ? {} : { rerun: options.rerun }),
  });
  const decisions = options.findLimit ? [] : decided;
  const groups = options.findLimit ? limitGroups(plan) : [];
  const toRun = decisions.filter(({ action }) => action === "run").map(({ cell }) => cell);
  if (!options.findLimit) tell({ kind: "decided", decisions });

  const environment = await around.findEnvironment(plan, choices, setup);
  if (environment.value === undefined) return { diagnostics: environment.diagnostics };
  const loaded = [...toRun, ...groups.flatMap(({ cells }) => cells)];
  const { python } = environment.value;
  const checkpoints = await around.prepareCheckpoints(plan, loaded, python, setup);
  if (checkpoints.value === undefined) return { diagnostics: checkpoints.diagnostics };
  const value: Prepared = {
    plan: { ...plan, cells: decided.map(({ cell }) => cell) },
    choices,
    facts,
    gpus,
    earlier,
    decisions,
    toRun,
    groups,
    environment: environment.value,
    checkpoints: checkpoints.value,
  };
  return { value, diagnostics: [] };
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
