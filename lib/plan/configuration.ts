/** One strategy with one choice of its options: placed once, then asked for every workload of its cells. */
import { behavioursOf } from "../catalog/behaviours.ts";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { beyondExactIntegers, beyondPositions } from "../diagnostics/messages/plan.ts";
import { nothingPredicted, predictedAs, scriptNeedsFiles } from "../diagnostics/messages/script.ts";
import type {
  CellSpec,
  Pipeline,
  ScriptSpec,
  StrategySpec,
  TracedSpec,
} from "../language/pipeline.ts";
import { UNTRACED } from "../strategy/script/place.ts";
import { tracedSpec } from "../strategy/script/stand_in.ts";
import { placeholdersIn } from "../strategy/script/words.ts";
import { computationBytes, type Placement, type StrategyContext } from "../strategy/strategy.ts";
import type { CauseFacts } from "./causes.ts";
import { largestBatch } from "./largest_batch.ts";
import type { PlanContext } from "./context.ts";
import type { Prediction } from "./prediction.ts";
import { predictCell } from "./predict.ts";
import { predictMemory } from "./predict_memory.ts";
import { type Resolved, strategyContext } from "./resolve.ts";
import { settle, settleAllocator } from "./settle.ts";
import { judge } from "./verdict.ts";

export interface Configuration {
  /** With everything settled that the pipeline leaves open. */
  readonly spec: StrategySpec;
  /** The strategy that is traced for it; absent where nothing is predicted. */
  readonly traced?: TracedSpec;
  readonly context: StrategyContext;
  /** Absent when the combination is impossible. */
  readonly placement?: Placement;
  /** Why it is impossible, or what is worth knowing; paths are relative to the strategy. */
  readonly diagnostics: readonly Diagnostic[];
  /** Largest batch by lengths, filled in as cells ask. */
  readonly largestBatches: Map<string, number | null>;
  /** What the libraries of the stack do. */
  readonly behaviours: ReadonlySet<string>;
}

/** Settles and places a strategy. */
export function configure(
  spec: StrategySpec,
  pipeline: Pipeline,
  resolved: Resolved,
): Configuration {
  const traced = tracedSpec(spec);
  const open = strategyContext(pipeline, resolved, traced ?? { ...spec, use: "accelerate" });
  const allocator = settleAllocator(traced ?? { allocator: spec.allocator ?? "native" }, open);
  const context = { ...open, allocator, isScript: spec.use === "script" };
  const settled = traced === undefined ? undefined : settle(traced, context);
  const { value: placement, diagnostics } = settled?.outcome ??
    { value: UNTRACED, diagnostics: [] };
  const base = {
    spec: spec.use === "script" ? spec : settled?.spec ?? spec,
    ...(settled === undefined ? {} : { traced: settled.spec }),
    context,
    diagnostics: spec.use === "script"
      ? [...diagnostics.map(underPredictAs), ...scriptNotes(spec, resolved)]
      : diagnostics,
    largestBatches: new Map(),
    behaviours: behavioursOf(context.stack),
  };
  if (placement === undefined || settled === undefined) {
    return placement === undefined ? base : { ...base, placement };
  }
  const { isScript } = context;
  const key = JSON.stringify([{ ...settled.spec, name: "" }, isScript, placement.traceKey]);
  const trace = resolved.traces.get(key) ?? placement.trace;
  resolved.traces.set(key, trace);
  return { ...base, placement: { ...placement, trace } };
}

/** What stops a stand-in stands below `predictAs` in the file. */
function underPredictAs(diagnostic: Diagnostic): Diagnostic {
  const { path } = diagnostic;
  return path === undefined ? diagnostic : { ...diagnostic, path: ["predictAs", ...path] };
}

function scriptNotes(
  { name, command, predictAs }: ScriptSpec,
  { model }: Resolved,
): Diagnostic[] {
  const asksForFiles = command.some((word) => placeholdersIn(word).includes("checkpoint"));
  const at = { path: ["command"] };
  return [
    ...(asksForFiles && model.weights === "on-device" ? [scriptNeedsFiles({}, at)] : []),
    predictAs === undefined
      ? nothingPredicted({ name }, at)
      : predictedAs({ name, use: predictAs.use }, { path: ["predictAs"] }),
  ];
}

/** A prediction without numbers: of a cell that is impossible, with the reasons, or of which nothing is known. */
export function emptyPrediction(
  verdict: "invalid" | "unknown",
  causes: readonly string[] = [],
): Prediction {
  return {
    verdict,
    oomProbability: 0,
    causes,
    limit: null,
    devices: [],
    hosts: [],
    time: null,
  };
}

/** What stops this workload whatever the placement: lengths and sizes. */
export function workloadMistakes(cell: CellSpec, { context }: Configuration): Diagnostic[] {
  const { shape } = context;
  const tokens = cell.promptTokens + cell.newTokens;
  const diagnostics: Diagnostic[] = [];
  if (shape.maxPositions !== null && tokens > shape.maxPositions) {
    diagnostics.push(beyondPositions({ tokens, positions: shape.maxPositions }));
  }
  // The largest tensors: logits of the prompt, the float32 scores of attention, the cache of all layers.
  const elements = cell.batchSize * Math.max(
    cell.promptTokens * shape.vocabSize,
    shape.heads * cell.promptTokens * tokens,
    2 * shape.layers * tokens * shape.hiddenSize,
  );
  if (elements * 64 > Number.MAX_SAFE_INTEGER) {
    diagnostics.push(beyondExactIntegers({ cell: cell.id }));
  }
  return diagnostics;
}

/** Predicts one cell of a placed configuration; of a script without a stand-in it says that nothing is known. */
export function predict(
  cell: CellSpec,
  configuration: Configuration,
  placement: Placement,
  { findLargestBatch }: PlanContext,
): Prediction {
  const { context, traced } = configuration;
  if (traced === undefined) return emptyPrediction("unknown");
  const { need, time } = predictCell(placement, cell, context, traced);
  return {
    ...judge(need, causeFacts(cell, configuration, placement)),
    ...(findLargestBatch ? { largestBatch: largestFor(cell, configuration, placement) } : {}),
    devices: need.devices.map(({ peak: _, required: __, returnedBytes: ___, ...device }) => device),
    hosts: need.hosts,
    time,
  };
}

/** What `predict` will ask for that takes long: the memory of each cell, and the searches of the largest batches. */
export function longTasks(
  cells: readonly { readonly cell: CellSpec; readonly configuration: Configuration }[],
  { findLargestBatch }: PlanContext,
): (() => void)[] {
  const searches = new Map<string, () => void>();
  const tasks = cells.flatMap(({ cell, configuration }) => {
    const { placement, traced, context, spec } = configuration;
    if (placement === undefined || traced === undefined) return [];
    if (workloadMistakes(cell, configuration).length > 0) return [];
    const search = JSON.stringify([spec, cell.promptTokens, cell.newTokens]);
    if (!searches.has(search)) {
      searches.set(search, () => largestFor(cell, configuration, placement));
    }
    return [() => predictMemory(placement, cell, context)];
  });
  return findLargestBatch ? [...searches.values(), ...tasks] : tasks;
}

/** Searched once for cells that differ in their batch alone. */
function largestFor(
  cell: CellSpec,
  { largestBatches, context }: Configuration,
  placement: Placement,
): number | null {
  const lengths = `${cell.promptTokens}+${cell.newTokens}`;
  const known = largestBatches.get(lengths);
  if (known !== undefined) return known;
  const found = largestBatch(placement, cell, context);
  largestBatches.set(lengths, found);
  return found;
}

function causeFacts(
  { batchSize, promptTokens, newTokens }: CellSpec,
  { context, spec, behaviours }: Configuration,
  { worldSize, devices, pinsWeights }: Placement,
): CauseFacts {
  const { shape, use, hardware, family } = context;
  const elementBytes = computationBytes(spec.dtype);
  const perToken = 2 * shape.layers * shape.kvHeads * shape.headDim * elementBytes;
  const isEager = "attention" in spec && spec.attention === "eager" &&
    !(spec.use === "ds-inference" && spec.kernelInject);
  const heads = shape.heads / (spec.use === "ds-inference" ? worldSize : 1);
  return {
    use,
    deviceType: hardware.device.type,
    shape,
    behaviours,
    ranks: worldSize,
    devices: devices.length,
    wholeKvBytes: batchSize * (promptTokens + newTokens - 1) * perToken,
    scoresBytes: isEager ? batchSize * heads * promptTokens ** 2 * (elementBytes + 4) : 0,
    hasSdpa: family.eagerOnly !== true,
    pinned: pinsWeights,
  };
}
