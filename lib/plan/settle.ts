/** What a pipeline leaves open about a strategy, decided from hardware, model and stack. */
import { inRange } from "../catalog/version_range.ts";
import type { Outcome } from "../diagnostics/diagnostic.ts";
import type { DsZeroSpec, TracedSpec } from "../language/pipeline.ts";
import { byLayer } from "../strategy/ds_zero/by_layer.ts";
import { graphObstacle, placeStrategy } from "../strategy/registry.ts";
import type { Placement, StrategyContext } from "../strategy/strategy.ts";

/** A strategy of which nothing is open, and where it puts the model. */
export interface Settled {
  readonly spec: TracedSpec;
  readonly outcome: Outcome<Placement>;
}

/** Expandable segments where PyTorch has them and they go to GPUs. */
export function settleAllocator(
  { allocator }: Pick<TracedSpec, "allocator">,
  { hardware, stack }: Pick<StrategyContext, "hardware" | "stack">,
): "native" | "expandable" {
  if (allocator !== undefined) return allocator;
  const has = inRange(stack.versions["torch"] ?? "0", ">=2.1.0");
  return has && hardware.device.type === "gpu" ? "expandable" : "native";
}

/** ZeRO's hooks around whole layers where that is possible, and no worse for memory. */
function settleGather(spec: DsZeroSpec, context: StrategyContext): DsZeroSpec {
  return byLayer(spec, context, (layered) => placeStrategy(layered, context).value) ?? spec;
}

/**
 * Places the strategy, with a captured step where that is proved to give the same tokens: one rank on one GPU, with a
 * model family and a version of the libraries that the workers have a step for. A cache that was asked for stays.
 */
export function settle(spec: TracedSpec, context: StrategyContext): Settled {
  const decode = spec.decode ?? "eager";
  const plain = { ...spec, allocator: settleAllocator(spec, context), decode };
  const eager = plain.use === "ds-zero" ? settleGather(plain, context) : plain;
  const outcome = placeStrategy(eager, context);
  const { value: placement } = outcome;
  const isOpen = spec.decode === undefined && spec.cache === "dynamic" && spec.dtype !== "int8";
  const isAlone = context.hardware.device.type === "gpu" && placement?.worldSize === 1;
  if (!isOpen || !isAlone) return { spec: eager, outcome };
  const graph = { ...eager, decode: "graph" as const };
  return graphObstacle(graph, context, placement) === undefined
    ? { spec: graph, outcome: placeStrategy(graph, context) }
    : { spec: eager, outcome };
}
