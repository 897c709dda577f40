/** The strategies by their `use`. Adding one means adding a folder and a line here. */
import type { Outcome } from "../diagnostics/diagnostic.ts";
import type { TracedSpec } from "../language/pipeline.ts";
import { accelerate } from "./accelerate/mod.ts";
import { dsInference } from "./ds_inference/mod.ts";
import { dsZero } from "./ds_zero/mod.ts";
import { allocatorEnv } from "./launch_env.ts";
import { graphImpossible, sdpaNotThere } from "../diagnostics/messages/plan.ts";
import { weightsAreShards } from "../diagnostics/messages/shards.ts";
import { inRange } from "../catalog/version_range.ts";
import type { Placement, Strategy, StrategyContext, StrategyLaunch } from "./strategy.ts";

const STRATEGIES: { [U in TracedSpec["use"]]: Strategy<Extract<TracedSpec, { use: U }>> } = {
  "accelerate": accelerate,
  "ds-inference": dsInference,
  "ds-zero": dsZero,
};

function strategyOf({ use }: TracedSpec): Strategy {
  return STRATEGIES[use] as Strategy;
}

/** Sets a strategy up for a model on hardware. */
export function placeStrategy(spec: TracedSpec, context: StrategyContext): Outcome<Placement> {
  const strategy = strategyOf(spec);
  if (context.shards?.only && !strategy.readsShards?.(spec)) {
    const path = ["checkpoint" in spec ? "checkpoint" : "use"];
    return { diagnostics: [weightsAreShards({ use: spec.use }, { path })] };
  }
  if (spec.attention === "sdpa" && context.family.eagerOnly) {
    const [modelType = ""] = context.family.modelTypes;
    return { diagnostics: [sdpaNotThere({ modelType }, { path: ["attention"] })] };
  }
  const outcome = strategy.place(spec, context);
  const obstacle = graphObstacle(spec, context, outcome.value);
  if (obstacle === undefined) return outcome;
  return {
    diagnostics: [...outcome.diagnostics, graphImpossible({ reason: obstacle }, AT_DECODE)],
  };
}

const AT_DECODE = { path: ["decode"] };

/** Why the steps of a strategy cannot be captured as a graph; undefined where they can, or need not. */
export function graphObstacle(
  spec: TracedSpec,
  { family, shape, stack }: StrategyContext,
  placement: Placement | undefined,
): string | undefined {
  if (spec.decode !== "graph") return undefined;
  const own = strategyOf(spec).graphObstacle?.(spec, placement);
  if (own !== undefined) return own;
  if (family.graphStep === undefined) return "the workers have no step for this model family";
  if (family.graphStep === "gated" && shape.activation !== "silu") {
    return `the step of the workers knows silu, not ${shape.activation}`;
  }
  if (!inRange(stack.versions["transformers"] ?? "0", ">=4.56.0")) {
    return "it needs the cache of transformers 4.56 or newer";
  }
  return placement?.bringsWeights ? "weights come from the host in every step" : undefined;
}

/** How a session of the strategy is started. */
export function launchStrategy(
  spec: TracedSpec,
  context: StrategyContext,
  placement: Placement,
): StrategyLaunch {
  const launch = strategyOf(spec).launch(spec, context, placement);
  return { ...launch, env: { ...launch.env, ...allocatorEnv(spec, context) } };
}
