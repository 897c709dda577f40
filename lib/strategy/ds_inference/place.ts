/** Where DeepSpeed-Inference puts the weights: every layer cut over the tensor-parallel ranks. */
import { type Diagnostic, hasErrors, type Outcome } from "../../diagnostics/diagnostic.ts";
import {
  headsNotDivisible,
  kernelInjectNeedsGpu,
  kernelsRefuseBloom,
  noKernelsFor,
  tooManyRanks,
} from "../../diagnostics/messages/plan.ts";
import {
  autoTpUnsupported,
  kernelsNeedWhole,
  shardMisplaced,
  shardsMissing,
} from "../../diagnostics/messages/shards.ts";
import { inRange } from "../../catalog/version_range.ts";
import type { DsInferenceSpec } from "../../language/pipeline.ts";
import { namedParameters } from "../../model/module.ts";
import { elements } from "../../trace/trace.ts";
import { partElements, weightElementBytes } from "../parallel.ts";
import { quantizationProblems } from "../quantization.ts";
import { partsOf, TENSOR_PARALLEL_GRAIN } from "./parts.ts";
import type { StrategyContext } from "../strategy.ts";

/** One parameter of the model, and what a rank keeps of it. */
export interface ShardedWeight {
  readonly name: string;
  readonly wholeBytes: number;
  /** What one rank keeps; 0 for a head that uses the embedding. */
  readonly bytes: number;
  /** Whether it shares its storage with another parameter until it is cut. */
  readonly isTied: boolean;
  /** Index of its layer; undefined outside the layers. */
  readonly layer: number | undefined;
  readonly isMatrix: boolean;
  /** Whether it is cut by its inputs: the columns of a matrix. */
  readonly isRow: boolean;
}

export interface DsInferenceLayout {
  readonly ranks: number;
  /** In the order of `named_parameters()`. */
  readonly weights: readonly ShardedWeight[];
  /** The whole model; a tied head counts once. */
  readonly wholeBytes: number;
  /** Whether the head is cut by its inputs and its logits are summed. */
  readonly lmHeadSplit: boolean;
}

/** Cuts the weights for one rank; where they are not alike, for the one that holds most. */
export function placeDsInference(
  spec: DsInferenceSpec,
  context: StrategyContext,
): Outcome<DsInferenceLayout> {
  const { hardware } = context;
  const ranks = spec.tensorParallel ?? hardware.deviceCount * hardware.nodes;
  const diagnostics = problems(spec, context, ranks);
  if (hasErrors(diagnostics)) return { diagnostics };
  // AutoTP (more than one rank, no kernel injection) clones a tied head and cuts the clone by its inputs. The
  // embedding stays whole on every rank.
  const lmHeadSplit = ranks > 1 && !spec.kernelInject &&
    context.behaviours.has("tied-head-cloned");
  const weights = shardedWeights(spec, context, ranks, lmHeadSplit);
  const wholeBytes = weights.reduce(
    (sum, { isTied, wholeBytes }) => isTied ? sum : sum + wholeBytes,
    0,
  );
  return { value: { ranks, weights, wholeBytes, lmHeadSplit }, diagnostics };
}

/** Model types whose layers DeepSpeed replaces, and since when (`module_inject/replace_policy.py`). */
const KERNELS: Readonly<Record<string, string>> = {
  bloom: ">=0.6.7",
  gpt2: ">=0.6.7",
  gpt_neox: ">=0.6.7",
  opt: ">=0.7.1",
  llama: ">=0.9.3",
};

/** A family of several types keeps in its shape which one it is. */
function modelTypeOf({ shape, family }: StrategyContext): string {
  return "modelType" in shape ? String(shape.modelType) : family.modelTypes[0] ?? "";
}

function problems(spec: DsInferenceSpec, context: StrategyContext, ranks: number): Diagnostic[] {
  const { hardware, shape, behaviours, family, stack } = context;
  const available = hardware.deviceCount * hardware.nodes;
  const at = { path: ["tensorParallel"] };
  const kernels = { path: ["kernelInject"] };
  const found: Diagnostic[] = [...quantizationProblems(spec, context)];
  if (ranks > available) found.push(tooManyRanks({ ranks, available }, at));
  const { heads, kvHeads } = shape;
  if (heads % ranks !== 0 || kvHeads % ranks !== 0) {
    found.push(headsNotDivisible({ heads, kvHeads, ranks, available }, at));
  }
  found.push(...shardProblems(spec, context, ranks));
  if (!spec.kernelInject) {
    const reason = ranks > 1 ? autoTpRefuses(modelTypeOf(context)) : undefined;
    return reason === undefined ? found : [...found, autoTpUnsupported({ reason }, at)];
  }
  if (hardware.device.type === "cpu") found.push(kernelInjectNeedsGpu({}, kernels));
  if (family.modelTypes.includes("bloom") && behaviours.has("kernel-injection-refuses-bloom")) {
    const version = stack.versions["transformers"] ?? "";
    found.push(kernelsRefuseBloom({ version }, kernels));
  }
  const version = stack.versions["deepspeed"] ?? "0";
  const modelType = modelTypeOf(context);
  const range = KERNELS[modelType];
  if (range === undefined || !inRange(version, range)) {
    found.push(noKernelsFor({ modelType, version }, kernels));
  }
  return found;
}

/** Model types of the catalog that AutoTP refuses (`AutoTP.supported`); in words, or undefined. */
export function autoTpRefuses(modelType: string): string | undefined {
  return modelType === "gpt2" ? "DeepSpeed's AutoTP does not support gpt2" : undefined;
}

/** What keeps each rank from reading a file of its own. */
function shardProblems(
  { checkpoint, kernelInject }: DsInferenceSpec,
  { weights, shards, behaviours }: StrategyContext,
  ranks: number,
): Diagnostic[] {
  if (checkpoint === "unsharded") return [];
  const at = { path: ["checkpoint"] };
  if (kernelInject) {
    return behaviours.has("tensor-parallel-cut-empty") ? [kernelsNeedWhole({}, at)] : [];
  }
  if (weights !== "files" || shards?.ranks.includes(ranks)) return [];
  const misplaced = shards?.misplaced.get(ranks);
  if (misplaced !== undefined) return [shardMisplaced(misplaced, at)];
  return [shardsMissing({ ranks, path: shards?.path ?? "" }, at)];
}

function shardedWeights(
  spec: DsInferenceSpec,
  { root, shape, family, behaviours }: StrategyContext,
  ranks: number,
  lmHeadSplit: boolean,
): ShardedWeight[] {
  const hasGrain = !spec.kernelInject && behaviours.has("tensor-parallel-grain");
  const cut = { ranks, grain: hasGrain ? TENSOR_PARALLEL_GRAIN : 1 };
  let layer = 0;
  return [...namedParameters(root)].map((named) => {
    const { name, parameter } = named;
    const all = elements(parameter.shape);
    // named_parameters() goes through the layers in order.
    if (layer + 1 < shape.layers && name.startsWith(`${family.blockName(layer + 1)}.`)) layer += 1;
    const elementBytes = weightElementBytes(named, spec.dtype);
    const isTied = parameter.tiedTo !== undefined;
    const parts = partsOf(named, { ...cut, lmHeadSplit });
    const held = isTied && parts === undefined ? 0 : partElements(parameter.shape, parts);
    return {
      name,
      wholeBytes: all * elementBytes,
      bytes: held * elementBytes,
      isTied,
      layer: name.startsWith(`${family.blockName(layer)}.`) ? layer : undefined,
      isMatrix: parameter.shape.length > 1,
      isRow: parts?.dimension === 1,
    };
  });
}
