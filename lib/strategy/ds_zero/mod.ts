/** DeepSpeed ZeRO-Inference: stage 3, parameters gathered layer by layer. */
import { memoryCalibration } from "../../catalog/calibration.ts";
import type { DsZeroSpec } from "../../language/pipeline.ts";
import { mappedBytes } from "../mapped.ts";
import { symmetricDevices } from "../start.ts";
import type { Placement, Strategy, StrategyContext } from "../strategy.ts";
import { traceKey } from "../trace_key.ts";
import { hookedCount } from "./leaves.ts";
import { launchZero } from "./launch.ts";
import { placeZero, type ZeroLayout } from "./place.ts";
import { holdsUnidentified, traceZero } from "./trace.ts";

function doubt(context: StrategyContext, ranks: number): Pick<Placement, "doubtBytes"> {
  if (!holdsUnidentified(context, ranks)) return {};
  const { low, mid, high } = memoryCalibration(context.stack).zeroUnidentifiedBytes;
  return { doubtBytes: { below: mid - low, above: high - mid } };
}

/** Where gathers have a stream of their own the computation is behind them; one rank gathers nothing. */
function lent(
  spec: DsZeroSpec,
  context: StrategyContext,
  layout: ZeroLayout,
): Pick<Placement, "lent"> {
  const { ranks, weights, settings } = layout;
  const isGathered = ranks > 1 && context.hardware.device.type === "gpu";
  // With leaves of a granularity they are dropped without a word to the allocator.
  if (!isGathered || !settings.overlaps || settings.leaves.granularity > 0) return {};
  const sizes = weights.map(({ partBytes }) => partBytes * ranks);
  const largest = Math.max(0, ...sizes);
  const others = sizes.reduce((sum, bytes) => sum + bytes, 0) - largest;
  // Of offloaded parameters the host waits for the copies: what is told is the least.
  return { lent: { largest: spec.offload === "none" ? largest : 0, others } };
}

export const dsZero: Strategy<DsZeroSpec> = {
  use: "ds-zero",
  place(spec, context) {
    const { value: layout, diagnostics } = placeZero(spec, context);
    if (layout === undefined) return { diagnostics };
    const placement: Placement = {
      worldSize: layout.ranks,
      streams: layout.ranks,
      devices: symmetricDevices(layout.ranks, context),
      checkpointReadBytes: context.weights === "on-device" ? 0 : layout.wholeBytes * layout.ranks,
      offloadedBytes: spec.offload === "none" ? 0 : layout.wholeBytes,
      mappedBytes: mappedBytes(spec.dtype, context, layout.wholeBytes),
      hookedModules: hookedCount(context.root, layout.leaves),
      pinsWeights: spec.offload === "cpu" && spec.pinMemory,
      ...doubt(context, layout.ranks),
      traceKey: traceKey(context),
      ...lent(spec, context, layout),
      trace: (workload, sink) => traceZero(spec, context, layout, workload, sink),
    };
    return { value: placement, diagnostics };
  },
  launch: launchZero,
  graphObstacle: () => "ZeRO gathers parameters from Python in every step",
};
