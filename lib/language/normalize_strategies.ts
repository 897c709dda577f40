/** Strategies: names, the dtype that depends on the hardware, and options that need or undo each other. */
import type { Diagnostic, ValuePath } from "../diagnostics/diagnostic.ts";
import * as messages from "../diagnostics/messages/language_meaning.ts";
import { badPlaceholder } from "../diagnostics/messages/script.ts";
import { suggest } from "../diagnostics/suggest.ts";
import { notPlaceholder, PLACEHOLDERS, placeholdersIn } from "../strategy/script/words.ts";
import { tracedSpec } from "../strategy/script/stand_in.ts";
import type {
  AccelerateSpec,
  DsInferenceSpec,
  DsZeroSpec,
  Dtype,
  ScriptSpec,
  StrategySpec,
} from "./pipeline.ts";
import type { Places } from "./places.ts";
import type { WrittenStrategy } from "./schema_strategies.ts";
import { valueAt } from "./schema_issues.ts";

/** What the checks need beside the strategies. */
export interface StrategyContext {
  /** The file as plain data: says whether a key was written or is a default. */
  readonly root: unknown;
  readonly places: Places;
  readonly defaultDtype: Dtype;
  /** Axes of the grid: they may give an option the value that makes another one count. */
  readonly axes: ReadonlySet<string>;
}

/** Strategies in the order of the file; undefined where one was wrong by itself. */
export function normalizeStrategies(
  written: readonly (WrittenStrategy | undefined)[],
  context: StrategyContext,
): {
  readonly strategies: readonly (StrategySpec | undefined)[];
  readonly diagnostics: readonly Diagnostic[];
} {
  const names = new Set<string>();
  const diagnostics: Diagnostic[] = [];
  const strategies = written.map((each, index) => {
    if (each === undefined) return undefined;
    const strategy: StrategySpec = {
      ...each,
      name: each.name ?? each.use,
      dtype: each.dtype ?? context.defaultDtype,
    };
    diagnostics.push(...nameCheck(each, index, names, context));
    names.add(strategy.name);
    diagnostics.push(...checkOptions(strategy, index, context));
    return strategy;
  });
  return { strategies, diagnostics };
}

/** Names the place of a name that is taken: the name itself, or what it defaults to. */
function nameCheck(
  written: WrittenStrategy,
  index: number,
  names: ReadonlySet<string>,
  { root, places }: StrategyContext,
): readonly Diagnostic[] {
  const name = written.name ?? written.use;
  if (!names.has(name)) return [];
  const named = written.name !== undefined;
  const path = ["strategies", index, named ? "name" : "use"];
  const place = places.value(valueAt(root, path) === undefined ? path.slice(0, -1) : path);
  return [messages.strategyNameShared({ name, named }, place)];
}

/** Warns of a key that was written and does nothing. */
type Warn = (key: string, reason: string, advice: string) => Diagnostic[];

function checkOptions(
  strategy: StrategySpec,
  index: number,
  context: StrategyContext,
  below: ValuePath = [],
): readonly Diagnostic[] {
  const path = ["strategies", index, ...below];
  const { places, root } = context;
  function warn(key: string, reason: string, advice: string): Diagnostic[] {
    if (valueAt(root, [...path, key]) === undefined) return [];
    return [messages.noEffect({ key, reason, advice }, places.key([...path, key]))];
  }
  switch (strategy.use) {
    case "accelerate":
      return checkAccelerate(strategy, path, context, warn);
    case "ds-inference":
      return checkDsInference(strategy, context, warn);
    case "ds-zero":
      return checkDsZero(strategy, path, context, warn);
    case "script":
      return [...checkWords(strategy, path, context), ...checkStandIn(strategy, index, context)];
  }
}

/** A placeholder is told with the word that it stands in. */
function checkWords(
  { command }: ScriptSpec,
  path: ValuePath,
  { places }: StrategyContext,
): readonly Diagnostic[] {
  return command.flatMap((word, index) => {
    const place = places.value([...path, "command", index]);
    const unknown = placeholdersIn(word).filter((name) =>
      !PLACEHOLDERS.some((known) => known === name)
    ).map((name) => {
      const suggestion = suggest(name, PLACEHOLDERS);
      const hint = suggestion === undefined ? {} : { suggestion };
      return badPlaceholder({ found: `{{ ${name} }}`, known: PLACEHOLDERS, ...hint }, place);
    });
    const other = notPlaceholder(word);
    return other === undefined
      ? unknown
      : [...unknown, badPlaceholder({ found: other, known: PLACEHOLDERS }, place)];
  });
}

/** What a strategy of that kind would be told, where it stands under `predictAs`. */
function checkStandIn(
  script: ScriptSpec,
  index: number,
  context: StrategyContext,
): readonly Diagnostic[] {
  const traced = tracedSpec(script);
  return traced === undefined ? [] : checkOptions(traced, index, context, ["predictAs"]);
}

function checkAccelerate(
  { deviceMap, offloadFolder }: AccelerateSpec,
  path: ValuePath,
  { places, axes }: StrategyContext,
  warn: Warn,
): readonly Diagnostic[] {
  if (typeof deviceMap === "string" || axes.has("deviceMap")) return [];
  const ignored = warn(
    "maxMemory",
    "the deviceMap places every module",
    "Remove maxMemory or the deviceMap",
  );
  const needsFolder = Object.values(deviceMap).includes("disk") && offloadFolder === undefined &&
    !axes.has("offloadFolder");
  if (!needsFolder) return ignored;
  return [...ignored, messages.offloadFolderMissing({}, places.key([...path, "deviceMap"]))];
}

function checkDsInference(
  { kernelInject }: DsInferenceSpec,
  { axes }: StrategyContext,
  warn: Warn,
): readonly Diagnostic[] {
  if (kernelInject || axes.has("kernelInject")) return [];
  const reason = "only the fused kernels have a workspace";
  return warn("maxOutTokens", reason, "Remove it, or set kernelInject: true");
}

function checkDsZero(
  { offload, nvmePath }: DsZeroSpec,
  path: ValuePath,
  { places, axes }: StrategyContext,
  warn: Warn,
): readonly Diagnostic[] {
  if (offload === "nvme") {
    if (nvmePath !== undefined || axes.has("nvmePath")) return [];
    return [messages.nvmePathMissing({}, places.value([...path, "offload"]))];
  }
  if (axes.has("offload")) return [];
  return [
    ...warn("nvmePath", `offload is ${offload}`, "Remove it, or set offload: nvme"),
    ...(offload === "none"
      ? warn("pinMemory", "nothing is offloaded", "Remove it, or set offload: cpu")
      : []),
  ];
}
