/** Whether ZeRO gathers whole layers: where that is impossible, and where it is the better choice. */
import type { Diagnostic } from "../../diagnostics/diagnostic.ts";
import { gatherLayerImpossible } from "../../diagnostics/messages/plan.ts";
import type { DsZeroSpec } from "../../language/pipeline.ts";
import { PeakMemory } from "../../memory/peak.ts";
import type { Placement, StrategyContext } from "../strategy.ts";
import { zeroSettings } from "./config.ts";
import { layerOf } from "./leaves.ts";

/** Why `gather: layer` cannot be; undefined where it can. */
function obstacle({ offload }: DsZeroSpec, { behaviours }: StrategyContext): string | undefined {
  if (!behaviours.has("zero-leaf-modules")) return "it needs DeepSpeed 0.18 or newer";
  if (offload === "nvme") {
    return "the parameters of a layer are more than the buffers that a drive is read into";
  }
  return undefined;
}

/** Complains of a layer that was asked for in vain. */
export function gatherProblems(spec: DsZeroSpec, context: StrategyContext): Diagnostic[] {
  const reason = spec.gather === "layer" ? obstacle(spec, context) : undefined;
  return reason === undefined ? [] : [gatherLayerImpossible({ reason }, { path: ["gather"] })];
}

/** Part of a device that the smallest generation may take, or gathers stay small. */
const ROOM = 0.9;

/**
 * The strategy with layers gathered whole, where nothing was said, hooks on every module are what a step waits for, and
 * memory is no reason against it; undefined otherwise.
 *
 * A script has what its author wrote, and a configuration that names leaves is left alone. Two layers have to stay below
 * the limit of live parameters, or none would be gathered ahead of its use.
 *
 * @param place Places a strategy.
 */
export function byLayer(
  spec: DsZeroSpec,
  context: StrategyContext,
  place: (spec: DsZeroSpec) => Placement | undefined,
): DsZeroSpec | undefined {
  const { hardware, shape, root, family, isScript, deviceCapacityBytes } = context;
  if (spec.gather !== undefined || isScript || hardware.device.type === "cpu") return undefined;
  if (obstacle(spec, context) !== undefined) return undefined;
  const layer = layerOf(root, family.blockName(0));
  const ranks = hardware.deviceCount * hardware.nodes;
  const { leaves, maxLive } = zeroSettings(spec, shape, ranks);
  const namesLeaves = leaves.granularity > 0 ||
    [leaves.classes, leaves.names, leaves.suffixes].some(({ length }) => length > 0);
  if (layer === undefined || namesLeaves) return undefined;
  const gathers = ranks > 1 || spec.offload !== "none";
  if (gathers && 2 * layer.elements > maxLive) return undefined;
  const layered = { ...spec, gather: "layer" as const };
  const placement = place(layered);
  if (placement === undefined) return undefined;
  return leastBytes(placement) <= ROOM * (deviceCapacityBytes ?? Infinity) ? layered : undefined;
}

/** What one sequence of one token takes. */
function leastBytes(placement: Placement): number {
  const memory = new PeakMemory(512);
  placement.trace({ batchSize: 1, promptTokens: 1, newTokens: 2 }, memory);
  return memory.peak(0).bytes;
}
