/** The strategies by their `use`. Adding one means adding a folder and a line here. */
import type { Outcome } from "../diagnostics/diagnostic.ts";
import type { StrategySpec } from "../language/pipeline.ts";
import { accelerate } from "./accelerate/mod.ts";
import { dsInference } from "./ds_inference/mod.ts";
import { dsZero } from "./ds_zero/mod.ts";
import { allocatorEnv } from "./launch_env.ts";
import type { Placement, Strategy, StrategyContext, StrategyLaunch } from "./strategy.ts";

const STRATEGIES: { [U in StrategySpec["use"]]: Strategy<Extract<StrategySpec, { use: U }>> } = {
  "accelerate": accelerate,
  "ds-inference": dsInference,
  "ds-zero": dsZero,
};

/** Sets a strategy up for a model on hardware. */
export function placeStrategy(spec: StrategySpec, context: StrategyContext): Outcome<Placement> {
  return (STRATEGIES[spec.use] as Strategy).place(spec, context);
}

/** How a session of the strategy is started. */
export function launchStrategy(
  spec: StrategySpec,
  context: StrategyContext,
  placement: Placement,
): StrategyLaunch {
  const launch = (STRATEGIES[spec.use] as Strategy).launch(spec, context, placement);
  return { ...launch, env: { ...launch.env, ...allocatorEnv(spec, context) } };
}
