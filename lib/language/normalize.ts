/** The valid parts of a file to a pipeline: sugar gone, defaults filled in, parts checked against each other. */
import type { Diagnostic, Outcome } from "../diagnostics/diagnostic.ts";
import { noEffect, tooManyCells } from "../diagnostics/messages/language_meaning.ts";
import { countCells, MAX_CELLS } from "./expand.ts";
import { axisNames, checkGrid, normalizeGrid } from "./normalize_grid.ts";
import { checkLengths, normalizeGenerate, normalizePrompts } from "./normalize_lengths.ts";
import { normalizeHardware, normalizeModel, normalizeStack } from "./normalize_model.ts";
import { normalizeStrategies } from "./normalize_strategies.ts";
import type { AxisValue, GridSpec, HardwareSpec, Pipeline, PromptsSpec } from "./pipeline.ts";
import type { Places } from "./places.ts";
import { valueAt } from "./schema_issues.ts";
import type { WrittenParts } from "./validate.ts";

/** Where the parts come from. */
export interface NormalizeContext {
  /** The whole file as plain data. */
  readonly root: Readonly<Record<string, unknown>>;
  readonly places: Places;
  /** Name of the file; names a pipeline that has no name of its own. */
  readonly path: string;
}

/** The name of a file as the name of a pipeline: without folder and extension, odd characters as dashes. */
function nameFromPath(path: string): string {
  const file = path.split(/[/\\]/).at(-1) ?? "";
  const name = file.replace(/\.(ya?ml|json)$/i, "").replace(/[^A-Za-z0-9._-]+/g, "-")
    .replace(/^[^A-Za-z0-9]+/, "").slice(0, 100);
  return name === "" ? "pipeline" : name;
}

/** Collects what the normalizers of the parts say. */
class Collector {
  readonly diagnostics: Diagnostic[] = [];
  /** The normalized part; undefined when it is absent or wrong. */
  part<P, T>(written: P | undefined, normalizePart: (written: P) => Outcome<T>): T | undefined {
    if (written === undefined) return undefined;
    const { value, diagnostics } = normalizePart(written);
    this.diagnostics.push(...diagnostics);
    return value;
  }
}

/** A pipeline, if all parts are there and fit together; in any case everything that is wrong between them. */
export function normalize(parts: WrittenParts, context: NormalizeContext): Outcome<Pipeline> {
  const { places, root } = context;
  const collector = new Collector();
  const name = parts.name ?? nameFromPath(context.path);
  const model = collector.part(parts.model, (part) => normalizeModel(part, name, places));
  const hardware = collector.part(parts.hardware, (part) => normalizeHardware(part, places));
  const generate = collector.part(parts.generate, (part) => normalizeGenerate(part, places));
  const prompts = collector.part(parts.prompts, (part) => normalizePrompts(part, places));
  const normalGrid = parts.grid && normalizeGrid(parts.grid, places);
  const grid = normalGrid?.grid;
  collector.diagnostics.push(...normalGrid?.diagnostics ?? []);

  const normalStrategies = parts.strategies && normalizeStrategies(parts.strategies, {
    root,
    places,
    defaultDtype: onCpu(hardware) ? "float32" : "bfloat16",
    axes: new Set(axisNames(parts.grid ?? {})),
  });
  collector.diagnostics.push(...normalStrategies?.diagnostics ?? []);
  const found = normalStrategies?.strategies;
  const strategies = found?.filter((each) => each !== undefined);
  if (grid !== undefined && found !== undefined && strategies !== undefined) {
    collector.diagnostics.push(...checkGrid(grid, found, places));
    collector.diagnostics.push(...checkCount({ strategies, grid }, places));
  }
  if (generate !== undefined && prompts !== undefined && grid !== undefined) {
    const lengths = {
      promptTokens: promptLengths(grid, prompts),
      newTokens: axis(grid, "newTokens"),
    };
    collector.diagnostics.push(...checkLengths(generate, lengths, places));
    collector.diagnostics.push(...checkPromptTokens(grid, context));
  }

  const { stack, budget, benchmark, execution, environment, seed } = parts;
  const { diagnostics } = collector;
  if (
    model === undefined || hardware === undefined || generate === undefined ||
    prompts === undefined || grid === undefined || strategies === undefined ||
    strategies.length !== found?.length || stack === undefined || budget === undefined ||
    benchmark === undefined || execution === undefined || environment === undefined ||
    seed === undefined
  ) {
    return { diagnostics };
  }
  const value: Pipeline = {
    name,
    model,
    hardware,
    stack: normalizeStack(stack),
    generate,
    prompts,
    strategies,
    grid,
    budget: {
      ...(budget.device === undefined ? {} : { deviceBytes: budget.device }),
      ...(budget.host === undefined ? {} : { hostBytes: budget.host }),
      predictedOom: budget.predictedOom,
    },
    benchmark: {
      warmup: benchmark.warmup,
      cycles: benchmark.cycles,
      timeoutSeconds: benchmark.timeout,
    },
    execution,
    environment,
    seed,
  };
  return { value, diagnostics };
}

function onCpu(hardware: HardwareSpec | undefined): boolean {
  return hardware?.devices?.kind === "cpu";
}

function axis(grid: GridSpec, name: string): readonly number[] {
  const values: readonly AxisValue[] = grid.axes.find((each) => each.name === name)?.values ?? [];
  return values.map(Number);
}

/** Every length of prompt that a cell can have. */
function promptLengths(grid: GridSpec, prompts: PromptsSpec): readonly number[] {
  const values = axis(grid, "promptTokens");
  const included = grid.include.flatMap(({ promptTokens }) =>
    promptTokens === undefined ? [] : [Number(promptTokens)]
  );
  return [...(values.length > 0 ? values : [prompts.tokens]), ...included];
}

function checkCount(
  pipeline: Pick<Pipeline, "strategies" | "grid">,
  places: Places,
): readonly Diagnostic[] {
  const count = countCells(pipeline);
  if (count <= BigInt(MAX_CELLS)) return [];
  const parameters = { count: count.toLocaleString("en"), limit: MAX_CELLS };
  return [tooManyCells(parameters, places.key(["grid"]))];
}

/** Included cells may still use `prompts.tokens`, so only a grid without them overrides it. */
function checkPromptTokens(
  grid: GridSpec,
  { root, places }: NormalizeContext,
): readonly Diagnostic[] {
  if (axis(grid, "promptTokens").length === 0 || grid.include.length > 0) return [];
  if (valueAt(root, ["prompts", "tokens"]) === undefined) return [];
  const reason = "the axis promptTokens gives every cell its length";
  const advice = "Remove it, or the axis promptTokens";
  return [noEffect({ key: "tokens", reason, advice }, places.key(["prompts", "tokens"]))];
}
