/**
 * Compiles a parsed pipeline into a plan:
 *
 * 1. resolve: names become facts (model, hardware, stack);
 * 2. configure: each strategy with each choice of its options is placed once;
 * 3. predict: each cell's trace is interpreted for memory and time, and judged; what takes longest of it, replaying the
 *    allocators, is done for all cells beforehand, on several threads where there is much of it;
 * 4. assemble: cells that one loaded model can serve become a session, and each session gets its launch.
 *
 * Pure but for the file reader in the context. Everything wrong is told at once, in file order.
 */
import { replayAhead } from "../memory/ahead.ts";
import type { Model } from "../catalog/types.ts";
import { type Diagnostic, hasErrors, type Outcome } from "../diagnostics/diagnostic.ts";
import type { CellSpec, Pipeline } from "../language/pipeline.ts";
import { parameterCount } from "../model/module.ts";
import {
  type Configuration,
  configure,
  emptyPrediction,
  longTasks,
  predict,
  workloadMistakes,
} from "./configuration.ts";
import type { PlanContext } from "./context.ts";
import { hashJson, sha256 } from "./hash.ts";
import { FORMAT_VERSION, type Plan, type PlanCell, type PlanInput } from "./plan.ts";
import { resolve, type Resolved } from "./resolve.ts";
import { readPrompts } from "./prompts.ts";
import { reasonOf } from "./selection.ts";
import type { Setups } from "./setups.ts";
import { makeSessions } from "./sessions.ts";
import { commandFiles } from "../strategy/script/files.ts";

/** What the language hands over, with the file that it was parsed from. */
export interface PipelineFile {
  readonly pipeline: Pipeline;
  readonly cells: readonly CellSpec[];
  /** As the user gave it. */
  readonly path: string;
  readonly text: string;
}

/**
 * Compiles; the plan is absent when an error stands among the diagnostics.
 *
 * @param setups Where its configurations are found or left, for who asks for more of the same pipeline.
 */
export async function compile(
  parsed: PipelineFile,
  context: PlanContext,
  setups?: Setups,
): Promise<Outcome<Plan>> {
  const { pipeline, cells } = parsed;
  const found = resolve(pipeline, context);
  const prompts = readPrompts(pipeline, context);
  const diagnostics: Diagnostic[] = [...found.diagnostics, ...prompts.diagnostics];
  if (found.value === undefined || prompts.value === undefined) return { diagnostics };
  const resolved = found.value;

  const configurations = new Map<string, Configuration>();
  const keyBase = cellKeyBase(pipeline, resolved, prompts.value, context);
  const scripts = scriptInputs(pipeline, context);
  const configured = cells.map((cell) => {
    const id = JSON.stringify(cell.strategy);
    const known = configurations.get(id) ?? setups?.configuration(cell.strategy, pipeline) ??
      configure(cell.strategy, pipeline, resolved);
    configurations.set(id, known);
    return { cell, configuration: known };
  });
  await replayAhead(longTasks(configured, context));
  const planned = configured.map(({ cell, configuration }) => {
    const base = [keyBase, scripts.get(cell.strategyIndex)] as const;
    return { cell, configuration, ...planCell(cell, configuration, pipeline, base, context) };
  });
  diagnostics.push(...uniqueByText(planned.flatMap((item) => item.diagnostics)));
  if (hasErrors(diagnostics)) return { diagnostics };

  const { sessions, sessionOf } = await makeSessions(planned, context.baseDirectory);
  const { model, hardware, stack, root } = resolved;
  const python = context.python ?? pipeline.environment.python;
  const plan: Plan = {
    formatVersion: FORMAT_VERSION,
    tool: {
      name: "stowage",
      version: context.toolVersion,
      workersSha256: sha256(context.workerSources),
    },
    pipeline: { name: pipeline.name, path: parsed.path, sha256: sha256(parsed.text) },
    inputs: [
      ...inputs(parsed, model, prompts.value.files, context),
      ...new Map([...scripts.values()].flat().map((file) => [file.path, file])).values(),
    ],
    model: {
      name: model.name,
      config: model.config,
      weights: model.weights,
      ...(model.weightsPath === undefined ? {} : { weightsPath: model.weightsPath }),
      parameters: parameterCount(root),
    },
    hardware: {
      ...(hardware.name === undefined ? {} : { name: hardware.name }),
      nodes: hardware.nodes,
      devices: {
        count: hardware.deviceCount,
        kind: hardware.device.kind,
        capacityBytes: planned[0]?.configuration.context.deviceCapacityBytes ?? null,
      },
      ...(hardware.memoryBytes === undefined ? {} : { memoryBytes: hardware.memoryBytes }),
      ...(hardware.diskBytesPerSecond === undefined
        ? {}
        : { diskBytesPerSecond: hardware.diskBytesPerSecond }),
    },
    stack: { name: stack.name, versions: stack.versions, runnable: stack.runnable },
    generate: pipeline.generate,
    prompts: { source: pipeline.prompts.source, texts: prompts.value.texts },
    budget: pipeline.budget,
    benchmark: pipeline.benchmark,
    execution: pipeline.execution,
    seed: pipeline.seed,
    ...(python === undefined ? {} : { python }),
    sessions,
    cells: planned.map(({ planCell }) => ({
      ...planCell,
      sessionId: sessionOf.get(planCell.id) ?? null,
    })),
    diagnostics: diagnostics.filter(({ severity }) => severity !== "error"),
  };
  return { value: plan, diagnostics };
}

/** Everything but the cell that decides its result. */
function cellKeyBase(
  pipeline: Pipeline,
  { model, hardware, stack }: Resolved,
  prompts: { readonly texts: readonly string[] },
  context: PlanContext,
): unknown {
  return {
    formatVersion: FORMAT_VERSION,
    model: [model.config, model.weights, model.weightsPath ?? null],
    hardware: [
      hardware.device.kind,
      hardware.device.memoryBytes,
      hardware.deviceCount,
      hardware.nodes,
    ],
    stack: stack.versions,
    generate: pipeline.generate,
    prompts: [pipeline.prompts.source, prompts.texts],
    benchmark: pipeline.benchmark,
    deviceBytes: pipeline.budget.deviceBytes ?? null,
    seed: pipeline.seed,
    workers: sha256(context.workerSources),
  };
}

function planCell(
  cell: CellSpec,
  configuration: Configuration,
  pipeline: Pipeline,
  [keyBase, scriptFiles]: readonly [unknown, readonly PlanInput[] | undefined],
  context: PlanContext,
): { planCell: PlanCell; diagnostics: Diagnostic[] } {
  const mistakes = [
    ...configuration.diagnostics.filter(({ severity }) => severity === "error"),
    ...workloadMistakes(cell, configuration),
  ];
  const { placement } = configuration;
  const { name: _, ...options } = configuration.spec;
  const prediction = placement === undefined || mistakes.length > 0
    ? emptyPrediction("invalid", mistakes.map(({ message }) => message))
    : predict(cell, configuration, placement, context);
  return {
    planCell: {
      id: cell.id,
      key: hashJson([
        keyBase,
        options,
        cell.batchSize,
        cell.promptTokens,
        cell.newTokens,
        ...(scriptFiles ?? []).map((file) => file.sha256),
      ]),
      strategy: configuration.spec,
      axes: cell.axes,
      model: pipeline.model.name,
      batchSize: cell.batchSize,
      promptTokens: cell.promptTokens,
      newTokens: cell.newTokens,
      sessionId: null,
      reason: reasonOf({ prediction }, pipeline.budget.predictedOom),
      prediction,
    },
    // A combination that an axis made impossible is an invalid cell; one that was written is a mistake.
    diagnostics: [
      ...mistakes.filter(({ path }) => !cameFromAxis(path?.[0], cell, pipeline)),
      ...configuration.diagnostics.filter(({ severity }) => severity !== "error"),
    ]
      .map((mistake) => ({
        ...mistake,
        path: mistake.path?.[0] === "model"
          ? mistake.path
          : ["strategies", cell.strategyIndex, ...mistake.path ?? []],
      })),
  };
}

/** Axes of the work itself, not of a strategy. */
const WORK_AXES: readonly string[] = ["batchSize", "promptTokens", "newTokens"];

/** Whether the grid gave the option its value, or, for a mistake of no option, varies the sizes of the work. */
function cameFromAxis(
  option: string | number | undefined,
  cell: CellSpec,
  { grid }: Pipeline,
): boolean {
  if (option !== undefined) return Object.hasOwn(cell.axes, option);
  return grid.include.length > 0 ||
    grid.axes.some(({ name, values }) => WORK_AXES.includes(name) && values.length > 1);
}

/** The files that commands name, by the place of their strategy. */
function scriptInputs(
  { strategies }: Pipeline,
  { files, baseDirectory }: PlanContext,
): ReadonlyMap<number, readonly PlanInput[]> {
  return new Map(
    strategies.entries().flatMap(([index, spec]) =>
      spec.use !== "script" ? [] : [[
        index,
        commandFiles(spec, baseDirectory, files).map((file) => ({
          ...file,
          sha256: sha256(files.readRange(file.path, 0, file.headBytes)),
        })),
      ]]
    ),
  );
}

function inputs(
  parsed: PipelineFile,
  model: Model,
  promptFiles: readonly string[],
  context: PlanContext,
): PlanInput[] {
  return [
    { path: parsed.path, sha256: sha256(parsed.text) },
    ...[...model.files, ...promptFiles].map((path) => ({
      path,
      sha256: sha256(context.files.readText(path)),
    })),
    ...model.weightFiles.map(({ path, bytes, headBytes }) => ({
      path,
      bytes,
      headBytes,
      sha256: sha256(context.files.readRange(path, 0, headBytes)),
    })),
  ];
}

/** One strategy's mistake stands once, however many of its cells have it. */
function uniqueByText(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const seen = new Map<string, Diagnostic>();
  for (const diagnostic of diagnostics) {
    const key = JSON.stringify([diagnostic.code, diagnostic.message, diagnostic.path]);
    if (!seen.has(key)) seen.set(key, diagnostic);
  }
  return [...seen.values()];
}
