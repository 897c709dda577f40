/**
 * Loading without whole copies: AutoTP cuts the model while its parameters have shapes only, each gets storage on the
 * device in the size of the rank's share, and is then filled (stowage_worker/tensor_parallel.py).
 */
import type { DsInferenceSpec } from "../../language/pipeline.ts";
import type { Tape } from "../../trace/tape.ts";
import type { StrategyContext } from "../strategy.ts";
import type { DsInferenceLayout, ShardedWeight } from "./place.ts";

/** Whether the ranks fill their shares. Kernels take over a model that has its values. */
export function fillsShare(
  { kernelInject, checkpoint }: DsInferenceSpec,
  { behaviours }: Pick<StrategyContext, "behaviours">,
  { ranks }: Pick<DsInferenceLayout, "ranks">,
): boolean {
  if (kernelInject || !behaviours.has("tensor-parallel-cut-empty")) return false;
  return ranks > 1 || checkpoint === "presharded";
}

/** Writes the allocations: the share, and beside it at most one tensor at a time. */
export function traceFilling(
  spec: DsInferenceSpec,
  context: StrategyContext,
  { weights }: DsInferenceLayout,
  device: Tape,
  host: Tape,
): void {
  for (const { name, bytes } of weights) {
    if (bytes > 0) device.tensor(name, bytes, "weights");
  }
  for (const weight of weights) {
    if (context.weights === "on-device") makeValues(weight, device);
    else if (context.hardware.device.type === "gpu") copyToDevice(weight, spec, context, host);
  }
}

/** What is cut is made whole first; a tied head is a part of the embedding that is there. */
function makeValues({ name, bytes, wholeBytes, isTied }: ShardedWeight, device: Tape): void {
  if (isTied || bytes === wholeBytes) return;
  device.free(device.tensor(`${name} (whole)`, wholeBytes, "weights"));
}

/**
 * From pages of a mapped file, but for a tied head. A copy to a GPU makes one in host memory before, where the part is not
 * in one piece or has another dtype.
 */
function copyToDevice(
  { name, bytes, wholeBytes, isTied, isMatrix, isRow }: ShardedWeight,
  { dtype, checkpoint }: DsInferenceSpec,
  { checkpointDtype = dtype }: StrategyContext,
  host: Tape,
): void {
  const isInPieces = checkpoint === "unsharded" && isMatrix && isRow && bytes < wholeBytes;
  if (isTied || !isInPieces && checkpointDtype === dtype) return;
  host.free(host.tensor(`${name} (copy)`, bytes, "weights"));
}
