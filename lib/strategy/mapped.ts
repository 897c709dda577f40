/** Whether weights come as pages of their files. */
import type { Dtype } from "../language/pipeline.ts";
import type { StrategyContext } from "./strategy.ts";

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
 * Default `max_shard_size` of `save_pretrained` in 2022 ("10GB"): the most of a checkpoint that is in memory at one time
 * where its files are read one after the other.
 */
export const MAX_FILE_BYTES = 10e9;
