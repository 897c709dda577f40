/** One strategy with one choice of its options: placed once, then asked for every workload of its cells. */
import { behavioursOf } from "../catalog/behaviours.ts";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { beyondExactIntegers, beyondPositions } from "../diagnostics/messages/plan.ts";
import type { CellSpec, Pipeline, StrategySpec } from "../language/pipeline.ts";
import { computationBytes, type Placement, type StrategyContext } from "../strategy/strategy.ts";
import type { CauseFacts } from "./causes.ts";
import { largestBatch } from "./largest_batch.ts";
import type { PlanContext } from "./context.ts";
import type { Prediction } from "./plan.ts";
import { predictCell } from "./predict.ts";
import { type Resolved, strategyContext } from "./resolve.ts";
import { settle, settleAllocator } from "./settle.ts";
import { judge } from "./verdict.ts";

export interface Configuration {
  /** With everything settled that the pipeline leaves open. */
  readonly spec: StrategySpec;
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
  const open = strategyContext(pipeline, resolved, spec);
  const context = { ...open, allocator: settleAllocator(spec, open) };
  const settled = settle(spec, context);
  const { value: placement, diagnostics } = settled.outcome;
  const base = {
    spec: settled.spec,
    context,
    diagnostics,
    largestBatches: new Map(),
    behaviours: behavioursOf(context.stack),
  };
  return placement === undefined ? base : { ...base, placement };
}

/** An impossible cell's prediction: nothing but the reasons. */
export function invalidPrediction(causes: readonly string[]): Prediction {
  return {
    verdict: "invalid",
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

/** Predicts one cell of a placed configuration. */
export function predict(
  cell: CellSpec,
  configuration: Configuration,
  placement: Placement,
  { findLargestBatch }: PlanContext,
): Prediction {
  const { context, largestBatches } = configuration;
  const { need, time } = predictCell(placement, cell, context, configuration.spec);
  const lengths = `${cell.promptTokens}+${cell.newTokens}`;
  if (findLargestBatch && !largestBatches.has(lengths)) {
    largestBatches.set(lengths, largestBatch(placement, cell, context));
  }
  return {
    ...judge(need, causeFacts(cell, configuration, placement)),
    ...(findLargestBatch ? { largestBatch: largestBatches.get(lengths) ?? null } : {}),
    devices: need.devices.map(({ peak: _, required: __, ...device }) => device),
    hosts: need.hosts,
    time,
  };
}

function causeFacts(
  { batchSize, promptTokens, newTokens }: CellSpec,
  { context, spec, behaviours }: Configuration,
  { worldSize, devices, pinsWeights }: Placement,
): CauseFacts {
  const { shape, use, hardware } = context;
  const perToken = 2 * shape.layers * shape.kvHeads * shape.headDim * computationBytes(spec.dtype);
  return {
    use,
    deviceType: hardware.device.type,
    shape,
    behaviours,
    ranks: worldSize,
    devices: devices.length,
    wholeKvBytes: batchSize * (promptTokens + newTokens - 1) * perToken,
    pinned: pinsWeights,
  };
}
