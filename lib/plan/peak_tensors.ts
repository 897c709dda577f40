/** What fills every device of a cell at its fullest, tensor by tensor. */
import { type Behaviour, BEHAVIOURS, behavioursOf } from "../catalog/behaviours.ts";
import type { CellSpec, Pipeline } from "../language/pipeline.ts";
import { fullestMoments } from "../memory/alive.ts";
import { computationBytes } from "../strategy/strategy.ts";
import { type Category, HOST, type Phase } from "../trace/trace.ts";
import { configure } from "./configuration.ts";
import type { PlanContext } from "./context.ts";
import { resolve } from "./resolve.ts";
import { groupTensors, type TensorGroup } from "./tensor_groups.ts";
import { isConcerned } from "../strategy/script/stand_in.ts";

/** The fullest moment of devices that are alike; of the host, where `indexes` is empty. */
export interface PeakTensors {
  readonly indexes: readonly number[];
  readonly phase: Phase;
  readonly step: number;
  readonly bytes: number;
  readonly groups: readonly ExplainedGroup[];
}

/** A group with the library behaviour that it follows from. */
export interface ExplainedGroup extends TensorGroup {
  readonly behaviour?: Behaviour["name"];
}

/** The devices of a cell, then the host of one node; none for a cell that cannot be placed. */
export function peakTensors(
  cell: CellSpec,
  pipeline: Pipeline,
  context: PlanContext,
): readonly PeakTensors[] {
  const { value: resolved } = resolve(pipeline, context);
  if (resolved === undefined) return [];
  const { placement } = configure(cell.strategy, pipeline, resolved);
  if (placement === undefined) return [];
  const holding = behavioursOf(resolved.stack);
  const modelType = String(resolved.model.config["model_type"]);
  const behaviours = BEHAVIOURS.filter(({ name, strategies, modelTypes }) =>
    holding.has(name) && isConcerned(cell.strategy, strategies) &&
    (modelTypes?.includes(modelType) ?? true)
  );
  const moments = fullestMoments((sink) => placement.trace(cell, sink));
  const traced = [...new Set(placement.devices.map((device) => device.traced)), HOST];
  const peaks = traced.flatMap((device): PeakTensors[] => {
    const moment = moments.get(device);
    if (moment === undefined) return [];
    const { phase, step, bytes, tensors } = moment;
    const isDecode = phase === "decode";
    const groups = groupTensors(tensors, {
      shape: resolved.shape,
      batchSize: cell.batchSize,
      queryTokens: isDecode ? 1 : cell.promptTokens,
      lengthTokens: cell.promptTokens + (isDecode ? step : 0),
      elementBytes: computationBytes(cell.strategy.dtype),
    });
    return [{
      indexes: placement.devices.filter((each) => each.traced === device)
        .map(({ index }) => index),
      phase,
      step,
      bytes,
      groups: groups.map((group) => ({ ...group, ...behaviourOf(group, device, behaviours) })),
    }];
  });
  return mergeAlike(peaks);
}

/** Devices that hold the same stand together. */
function mergeAlike(peaks: readonly PeakTensors[]): PeakTensors[] {
  const alike = Map.groupBy(
    peaks,
    ({ indexes, ...held }) => indexes.length === 0 ? "host" : JSON.stringify(held),
  );
  return [...alike.values()].flatMap(([first, ...others]) =>
    first === undefined
      ? []
      : [{ ...first, indexes: [first, ...others].flatMap(({ indexes }) => indexes) }]
  );
}

/** Names of behaviours that decide a category, by how they begin. */
const RULES: Readonly<Record<Category, RegExp>> = {
  kv: /^kv-|-tuple-cache|-fused-cache/,
  weights: /^tensor-parallel-loads|^tied-head|^zero-partition/,
  activation: /^logits-|^greedy-search|^bloom-causal-mask|^masks-/,
  workspace: /workspace/,
  context: /^$/,
  communication: /^zero-prefetch/,
};

const HOST_WEIGHTS = /^pinned-|^safetensors-|^checkpoint-file|loads-/;

const ACTIVATIONS: readonly (readonly [RegExp, RegExp])[] = [
  [/^logits|^lm_head/, /^logits-/],
  [/scores|output/, /^greedy-search/],
  [/mask/, /mask/],
];

function behaviourOf(
  { category, name }: TensorGroup,
  device: number,
  behaviours: readonly Behaviour[],
): Pick<ExplainedGroup, "behaviour"> {
  const rule = device === HOST && category === "weights"
    ? HOST_WEIGHTS
    : category === "activation"
    ? ACTIVATIONS.find(([tensor]) => tensor.test(name))?.[1]
    : RULES[category];
  const found = rule && behaviours.find((behaviour) => rule.test(behaviour.name));
  return found === undefined ? {} : { behaviour: found.name };
}
