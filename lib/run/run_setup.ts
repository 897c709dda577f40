/** What a run needs before its first session: the right host, a Python environment, and the weights. */
import { stackFacts } from "../catalog/stack.ts";
import { type Diagnostic, hasErrors, type Outcome } from "../diagnostics/diagnostic.ts";
import { stackNotRunnable } from "../diagnostics/messages/run.ts";
import type { StrategySpec } from "../language/pipeline.ts";
import type { Plan, PlanCell } from "../plan/plan.ts";
import { tracedSpec } from "../strategy/script/stand_in.ts";
import { placeholdersIn } from "../strategy/script/words.ts";
import { WORKERS_DIRECTORY } from "../workers/directory.ts";
import { cacheDirectory } from "./cache.ts";
import { prepareCheckpoint } from "./checkpoint.ts";
import { prepareShards } from "./shards.ts";
import { prepareEnvironment, type PythonEnvironment } from "./environment.ts";
import { type Gpu, isCpu, missingHardware } from "./host.ts";
import type { RunChoices } from "./run_choices.ts";

/** Whom to tell, and what ends the preparation. */
export interface SetupOptions {
  readonly say: (text: string) => void;
  readonly signal?: AbortSignal;
}

/** Why a plan cannot be run here at all; empty when it can. */
export function obstaclesOf(
  plan: Plan,
  choices: Pick<RunChoices, "python">,
  gpus: readonly Gpu[],
): Diagnostic[] {
  // An interpreter that is named has its versions compared with the stack later, whatever Stowage could install.
  const stack = choices.python === undefined ? stackObstacle(plan) : [];
  const obstacles = [...stack, ...missingHardware(plan.hardware, gpus)];
  return obstacles.filter((obstacle) => hasErrors([obstacle]));
}

/** The Python environment that the choices name, or the one of the cache. */
export async function findEnvironment(
  plan: Plan,
  choices: RunChoices,
  { say, signal }: SetupOptions,
): Promise<Outcome<PythonEnvironment>> {
  return await prepareEnvironment({
    stack: plan.stack,
    ...(choices.python === undefined ? {} : { python: choices.python }),
    anyVersions: choices.anyVersions,
    needsDeepspeed: plan.cells.some(({ strategy }) => needsDeepspeed(strategy)),
    device: isCpu(plan.hardware) ? "cpu" : "cuda",
    ...(choices.torchIndex === undefined ? {} : { torchIndex: choices.torchIndex }),
    cacheDirectory: cacheDirectory((name) => Deno.env.get(name)),
    workersDirectory: WORKERS_DIRECTORY,
    say,
    ...(signal === undefined ? {} : { signal }),
  });
}

/** What a command of the user's own imports, its words can only hint at. */
function needsDeepspeed(strategy: StrategySpec): boolean {
  const traced = tracedSpec(strategy);
  const isNamed = strategy.use === "script" &&
    strategy.command.some((word) => word.includes("deepspeed"));
  return isNamed || (traced !== undefined && traced.use !== "accelerate");
}

function needsCheckpoint(strategy: StrategySpec): boolean {
  return strategy.use !== "script" ||
    strategy.command.some((word) => placeholdersIn(word).includes("checkpoint"));
}

/** The folder of the random checkpoint for each dtype that the cells load. */
export async function prepareCheckpoints(
  plan: Plan,
  cells: readonly PlanCell[],
  python: string,
  { say, signal }: SetupOptions,
): Promise<Outcome<ReadonlyMap<string, string>>> {
  const folders = new Map<string, string>();
  if (plan.model.weights !== "random") return { value: folders, diagnostics: [] };
  const loaded = cells.filter(({ strategy }) => needsCheckpoint(strategy));
  for (const dtype of new Set(loaded.map(({ strategy }) => strategy.dtype))) {
    const made = await prepareCheckpoint({
      model: plan.model,
      dtype,
      seed: plan.seed,
      python,
      cacheDirectory: cacheDirectory((name) => Deno.env.get(name)),
      workersDirectory: WORKERS_DIRECTORY,
      say,
      ...(signal === undefined ? {} : { signal }),
    });
    if (made.value === undefined) return { diagnostics: made.diagnostics };
    folders.set(dtype, made.value);
    const loaded = cells.filter(({ strategy }) => strategy.dtype === dtype);
    const options = { say, ...(signal === undefined ? {} : { signal }) };
    const { diagnostics } = await prepareShards(plan, loaded, made.value, options);
    if (diagnostics.length > 0) return { diagnostics };
  }
  return { value: folders, diagnostics: [] };
}

function stackObstacle({ stack }: Plan): Diagnostic[] {
  if (stack.runnable) return [];
  const runnable = stackFacts().filter((fact) => fact.runnable).map(({ name }) => name);
  return [stackNotRunnable({ stack: stack.name, runnable })];
}
