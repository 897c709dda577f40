/** DeepSpeed ZeRO-Inference: stage 3, parameters gathered layer by layer. */
import type { DsZeroSpec } from "../../language/pipeline.ts";
import { mappedBytes } from "../mapped.ts";
import { symmetricDevices } from "../start.ts";
import type { Placement, Strategy } from "../strategy.ts";
import { launchZero } from "./launch.ts";
import { placeZero } from "./place.ts";
import { traceZero } from "./trace.ts";

export const dsZero: Strategy<DsZeroSpec> = {
  use: "ds-zero",
  place(spec, context) {
    const { value: layout, diagnostics } = placeZero(spec, context);
    if (layout === undefined) return { diagnostics };
    const placement: Placement = {
      worldSize: layout.ranks,
      streams: layout.ranks,
      devices: symmetricDevices(layout.ranks, context),
      checkpointReadBytes: layout.wholeBytes * layout.ranks,
      mappedBytes: mappedBytes(spec.dtype, context, layout.wholeBytes),
      pinsWeights: spec.offload === "cpu" && spec.pinMemory,
      trace: (workload, sink) => traceZero(spec, context, layout, workload, sink),
    };
    return { value: placement, diagnostics };
  },
  launch: launchZero,
};
