/** Whether weights come as pages of their files. */
import type { Dtype } from "../language/pipeline.ts";
import type { Placement, StrategyContext } from "./strategy.ts";

/**
 * `from_pretrained` maps safetensors files. The pages are copied only where a tensor is changed: converted to another
 * dtype, or written to.
 */
export function isMapped(dtype: Dtype, context: StrategyContext): boolean {
  const { weights, behaviours, checkpointDtype } = context;
  return weights !== "on-device" && behaviours.has("safetensors-mapped") &&
    (checkpointDtype === undefined || checkpointDtype === dtype);
}

/**
 * Pages of files that a cpu device holds. A model that uses its files in place holds all of them throughout; ZeRO reads
 * them once.
 */
export function mappedBytes(
  dtype: Dtype,
  context: StrategyContext,
  wholeBytes: number,
): Placement["mappedBytes"] {
  const isOnCpu = context.hardware.device.type === "cpu" && isMapped(dtype, context);
  const loading = isOnCpu ? wholeBytes : 0;
  return { loading, generating: context.use === "ds-zero" ? 0 : loading };
}

/**
 * Default `max_shard_size` of `save_pretrained` in 2022 ("10GB"): the most of a checkpoint that is in memory at one time
 * where its files are read one after the other.
 */
export const MAX_FILE_BYTES = 10e9;
