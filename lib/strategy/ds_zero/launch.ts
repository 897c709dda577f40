/** How a ZeRO-Inference session starts: the DeepSpeed launcher with the ZeRO configuration beside it. */
import type { DsZeroSpec } from "../../language/pipeline.ts";
import { deepspeedArgv, workerEnv } from "../launch_env.ts";
import type { Placement, StrategyContext, StrategyLaunch } from "../strategy.ts";
import { zeroConfig } from "./config.ts";
import { layerOf } from "./leaves.ts";

export function launchZero(
  spec: DsZeroSpec,
  context: StrategyContext,
  placement: Placement,
): StrategyLaunch {
  return {
    argv: deepspeedArgv(context, placement.worldSize, "ds_zero_worker.py"),
    env: workerEnv(context),
    deepspeedConfig: zeroConfig(
      spec,
      context.shape,
      placement.worldSize,
      layerOf(context.root, context.family.blockName(0)),
    ),
  };
}
