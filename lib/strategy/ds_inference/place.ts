/** Where DeepSpeed-Inference puts the weights: every layer cut over the tensor-parallel ranks. */
import { type Diagnostic, hasErrors, type Outcome } from "../../diagnostics/diagnostic.ts";
import {
  headsNotDivisible,
  kernelInjectNeedsGpu,
  tooManyRanks,
} from "../../diagnostics/messages/plan.ts";
import type { DsInferenceSpec } from "../../language/pipeline.ts";
import { namedParameters } from "../../model/module.ts";
import { elements } from "../../trace/trace.ts";
import { tensorParallelElements } from "../parallel.ts";
import { DTYPE_BYTES, type StrategyContext } from "../strategy.ts";

export interface DsInferenceLayout {
  readonly ranks: number;
  /** What one rank keeps. */
  readonly weights: readonly { readonly name: string; readonly bytes: number }[];
  /** The whole model, as each rank first loads it on the host. */
  readonly wholeBytes: number;
  /** Whether the head is cut by its inputs and its logits are summed. */
  readonly lmHeadSplit: boolean;
}

/** Cuts the weights for one rank; the ranks are alike. */
export function placeDsInference(
  spec: DsInferenceSpec,
  context: StrategyContext,
): Outcome<DsInferenceLayout> {
  const { hardware, shape, root } = context;
  const available = hardware.deviceCount * hardware.nodes;
  const ranks = spec.tensorParallel ?? available;
  const at = { path: ["tensorParallel"] };
  const diagnostics: Diagnostic[] = [];
  if (ranks > available) diagnostics.push(tooManyRanks({ ranks, available }, at));
  if (shape.heads % ranks !== 0 || shape.kvHeads % ranks !== 0) {
    diagnostics.push(headsNotDivisible({ heads: shape.heads, ranks, available }, at));
  }
  if (spec.kernelInject && hardware.device.type === "cpu") {
    diagnostics.push(kernelInjectNeedsGpu({}, { path: ["kernelInject"] }));
  }
  if (hasErrors(diagnostics)) return { diagnostics };

  const elementBytes = DTYPE_BYTES[spec.dtype];
  // AutoTP (more than one rank, no kernel injection) clones a tied head and cuts the clone by its inputs:
  // LmHeadLinearAllreduce of deepspeed/module_inject/layers.py. The embedding stays whole on every rank.
  const lmHeadSplit = ranks > 1 && !spec.kernelInject;
  const weights: { name: string; bytes: number }[] = [];
  let wholeBytes = 0;
  for (const named of namedParameters(root)) {
    const isHead = named.name === "lm_head.weight";
    const isTied = named.parameter.tiedTo !== undefined;
    if (!isTied) wholeBytes += elements(named.parameter.shape) * elementBytes;
    if (isTied && !(isHead && lmHeadSplit)) continue;
    const held = isHead && lmHeadSplit
      ? elements(named.parameter.shape) / ranks
      : tensorParallelElements(named, ranks);
    weights.push({ name: named.name, bytes: held * elementBytes });
  }
  return { value: { ranks, weights, wholeBytes, lmHeadSplit }, diagnostics };
}
