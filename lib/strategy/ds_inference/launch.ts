/** How a DeepSpeed-Inference session starts: the DeepSpeed launcher, one process per rank. */
import { deepspeedArgv, workerEnv } from "../launch_env.ts";
import type { Placement, StrategyContext, StrategyLaunch } from "../strategy.ts";

export function launchDsInference(
  context: StrategyContext,
  placement: Placement,
): StrategyLaunch {
  return {
    argv: deepspeedArgv(context, placement.worldSize, "ds_inference_worker.py"),
    env: workerEnv(context),
  };
}
