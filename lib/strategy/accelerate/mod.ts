/** Hugging Face Accelerate: `device_map` inference in one process. */
import type { AccelerateSpec } from "../../language/pipeline.ts";
import { mappedBytes } from "../mapped.ts";
import type { Placement, Strategy } from "../strategy.ts";
import { traceKey } from "../trace_key.ts";
import { launchAccelerate } from "./launch.ts";
import { placeAccelerate } from "./place.ts";
import { traceAccelerate, usedDevices } from "./trace.ts";

export const accelerate: Strategy<AccelerateSpec> = {
  use: "accelerate",
  place(spec, context) {
    const { value: layout, diagnostics } = placeAccelerate(spec, context);
    if (layout === undefined) return { diagnostics };
    const wholeBytes = layout.weights.reduce((sum, { bytes }) => sum + bytes, 0);
    const placement: Placement = {
      worldSize: 1,
      streams: 1,
      devices: usedDevices(context).map((index) => ({ index, node: 0, traced: index })),
      checkpointReadBytes: context.weights === "on-device" ? 0 : wholeBytes,
      mappedBytes: mappedBytes(spec.dtype, context, wholeBytes),
      pinsWeights: false,
      bringsWeights: layout.mainDevice >= 0 &&
        layout.weights.some(({ place }) => typeof place !== "number"),
      traceKey: traceKey(context, [...layout.map]),
      trace: (workload, sink) => traceAccelerate(spec, context, layout, workload, sink),
    };
    return { value: placement, diagnostics };
  },
  launch: (_spec, context) => launchAccelerate(context),
  graphObstacle(_spec, placement) {
    const isSpread = (placement?.devices.length ?? 1) > 1;
    return isSpread ? "the layers are spread over several devices" : undefined;
  },
};
