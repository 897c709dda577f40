/** From the names of a pipeline to facts: model, hardware and stack, and what follows from them. */
import { behavioursOf } from "../catalog/behaviours.ts";
import { resolveHardware } from "../catalog/hardware.ts";
import { resolveModel } from "../catalog/model.ts";
import type { CalibrationFile } from "../catalog/speed_calibration.ts";
import { inRange } from "../catalog/version_range.ts";
import { resolveStack } from "../catalog/stack.ts";
import type { Hardware, Model, Stack } from "../catalog/types.ts";
import type { Diagnostic, Outcome } from "../diagnostics/diagnostic.ts";
import {
  olderForward,
  quantizedConfig,
  unsupportedModelType,
} from "../diagnostics/messages/plan.ts";
import type { Dtype, HfConfig, Pipeline, TracedSpec } from "../language/pipeline.ts";
import type { ModelFamily, ModelShape } from "../model/family.ts";
import type { Module } from "../model/module.ts";
import { genericEstimate } from "../model/generic.ts";
import { findFamily, supportedModelTypes } from "../model/registry.ts";
import { formatBytes, formatNumber } from "../report/bytes.ts";
import type { Placement, StrategyContext } from "../strategy/strategy.ts";
import type { PlanContext } from "./context.ts";

/** A pipeline whose names have become facts. */
export interface Resolved {
  readonly model: Model;
  readonly hardware: Hardware;
  readonly stack: Stack;
  /** Speed constants of the user's own. */
  readonly calibration?: CalibrationFile;
  readonly frozenWeights: boolean;
  readonly family: ModelFamily;
  readonly shape: ModelShape;
  readonly root: Module;
  /** By strategy and `traceKey`: what was found out along a trace is true of all that write the same. */
  readonly traces: Map<string, Placement["trace"]>;
}

/** Looks everything up; all that is wrong is told at once. */
export function resolve(pipeline: Pipeline, context: PlanContext): Outcome<Resolved> {
  const model = resolveModel(pipeline.model, context.baseDirectory, context.files);
  const hardware = resolveHardware(pipeline.hardware, pipeline.budget);
  const stack = resolveStack(
    context.stackVersions === undefined ? pipeline.stack : { versions: context.stackVersions },
  );
  const shaped = model.value === undefined ? undefined : shapeOf(model.value);
  const diagnostics: Diagnostic[] = [
    ...model.diagnostics,
    ...shaped?.diagnostics ?? [],
    ...hardware.diagnostics,
    ...stack.diagnostics,
  ];
  if (!model.value || !shaped?.value || !hardware.value || !stack.value) return { diagnostics };
  diagnostics.push(...olderThanTraced(shaped.value.family, model.value, stack.value));
  const calibration = context.calibrationOf?.(hardware.value.device.kind);
  const value = {
    model: model.value,
    hardware: hardware.value,
    stack: stack.value,
    ...(calibration === undefined ? {} : { calibration }),
    frozenWeights: context.frozenWeights ?? false,
    traces: new Map(),
    ...shaped.value,
  };
  return { value, diagnostics };
}

/** The same on the hardware of another pipeline: the model is neither read nor built anew. */
export function withHardware(
  resolved: Resolved,
  { hardware, budget }: Pipeline,
  context: PlanContext,
): Resolved | undefined {
  const { calibration: _, ...rest } = resolved;
  const { value } = resolveHardware(hardware, budget);
  if (value === undefined) return undefined;
  const calibration = context.calibrationOf?.(value.device.kind);
  return { ...rest, hardware: value, ...(calibration === undefined ? {} : { calibration }) };
}

function olderThanTraced(
  family: ModelFamily,
  { config }: Model,
  { versions }: Stack,
): Diagnostic[] {
  const { tracedSince: since } = family;
  const version = versions["transformers"];
  if (since === undefined || version === undefined || !inRange(version, `<${since}`)) return [];
  const modelType = String(config["model_type"]);
  return [olderForward({ modelType, version, since }, { path: ["stack"] })];
}

/** The family of a model, its sizes and its modules. */
export function shapeOf(
  model: Model,
): Outcome<Pick<Resolved, "family" | "shape" | "root">> {
  const modelType = String(model.config["model_type"]);
  const family = findFamily(modelType);
  if (family === undefined) {
    const parameters = {
      modelType,
      supported: supportedModelTypes(),
      estimate: estimateText(model.config),
    };
    return { diagnostics: [unsupportedModelType(parameters, { path: ["model"] })] };
  }
  const method = quantizationMethod(model.config);
  if (method !== undefined) {
    return { diagnostics: [quantizedConfig({ method }, { path: ["model"] })] };
  }
  const shape = family.shape(model.config);
  if (shape.value === undefined) return { diagnostics: shape.diagnostics };
  const value = { family, shape: shape.value, root: family.modules(shape.value) };
  return { value, diagnostics: shape.diagnostics };
}

/** How the weights of a config are quantized; undefined where they are not. */
function quantizationMethod(config: HfConfig): string | undefined {
  const written = config["quantization_config"] ?? config["compression_config"];
  if (written === undefined || written === null) return undefined;
  const method = typeof written === "object" && "quant_method" in written
    ? written.quant_method
    : undefined;
  return typeof method === "string" ? method : "an unnamed method";
}

/** What is known of a model whose family is not: weights and cache, without what a forward pass makes. */
function estimateText(config: HfConfig): string | undefined {
  const estimate = genericEstimate(config);
  if (estimate === undefined) return undefined;
  const { parameters, kvBytesPerToken } = estimate;
  return `about ${formatNumber(parameters / 1e9)} billion parameters, ` +
    `${formatBytes(2 * parameters)} in two bytes each, and up to ${formatBytes(kvBytesPerToken)} ` +
    "of cache for each token";
}

/** What one strategy of the pipeline may look at, its capacities included. */
export function strategyContext(
  pipeline: Pipeline,
  resolved: Resolved,
  { use, allocator }: Pick<TracedSpec, "use" | "allocator">,
): StrategyContext {
  const { model, hardware, stack, family, shape, root, calibration, frozenWeights } = resolved;
  const { budget } = pipeline;
  return {
    ...(calibration === undefined ? {} : { calibration }),
    use,
    allocator,
    family,
    shape,
    root,
    hardware,
    stack,
    behaviours: behavioursOf(stack),
    weights: model.weights,
    frozenWeights,
    ...checkpointDtype(model),
    ...(model.weightsPath === undefined ? {} : {
      shards: {
        path: model.weightsPath,
        ranks: model.shardedFor ?? [],
        only: model.isSharded === true,
        misplaced: model.misplacedShards ?? new Map(),
      },
    }),
    deviceCapacityBytes: least(hardware.device.memoryBytes, budget.deviceBytes),
    deviceIsCapped: budget.deviceBytes !== undefined,
    hostCapacityBytes: least(hardware.memoryBytes, budget.hostBytes),
  };
}

/** The dtype of the files where every tensor of theirs has the same. */
function checkpointDtype({ tensors }: Model): Pick<StrategyContext, "checkpointDtype"> {
  const spellings: Record<string, Dtype> = { F32: "float32", F16: "float16", BF16: "bfloat16" };
  const [dtype, ...others] = new Set(tensors?.map((tensor) => spellings[tensor.dtype]));
  return dtype === undefined || others.length > 0 ? {} : { checkpointDtype: dtype };
}

function least(...capacities: readonly (number | null | undefined)[]): number | null {
  const known = capacities.filter((capacity) => typeof capacity === "number");
  return known.length === 0 ? null : Math.min(...known);
}
