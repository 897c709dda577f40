/** DeepSpeed-Inference: `init_inference` with tensor parallelism. */
import type { DsInferenceSpec } from "../../language/pipeline.ts";
import type { Placement, Strategy } from "../strategy.ts";
import { mappedBytes } from "../mapped.ts";
import { symmetricDevices } from "../start.ts";
import { traceKey } from "../trace_key.ts";
import { launchDsInference } from "./launch.ts";
import { checkpointReadBytes } from "./load.ts";
import { fillsShare } from "./load_cut.ts";
import { placeDsInference } from "./place.ts";
import { traceDsInference } from "./trace.ts";

export const dsInference: Strategy<DsInferenceSpec> = {
  use: "ds-inference",
  place(spec, context) {
    const { value: layout, diagnostics } = placeDsInference(spec, context);
    if (layout === undefined) return { diagnostics };
    const readsShare = fillsShare(spec, context, layout);
    const placement: Placement = {
      worldSize: layout.ranks,
      streams: 1,
      devices: symmetricDevices(layout.ranks, context),
      checkpointReadBytes: checkpointReadBytes(spec, context, layout),
      readsShare,
      // A share is filled from a mapping that is shared and read-only.
      mappedBytes: readsShare
        ? { loading: 0, generating: 0 }
        : mappedBytes(spec.dtype, context, layout.wholeBytes),
      pinsWeights: false,
      // The fused kernels share one workspace, made at the first pass for its batch.
      servesOneCell: spec.kernelInject,
      // The fused kernels take a workspace by the memory that is free.
      traceKey: traceKey(context, spec.kernelInject ? context.hardware.device.memoryBytes : null),
      trace: (workload, sink) => traceDsInference(spec, context, layout, workload, sink),
    };
    return { value: placement, diagnostics };
  },
  launch: (_spec, context, placement) => launchDsInference(context, placement),
  graphObstacle: ({ kernelInject }) =>
    kernelInject ? "injected kernels keep their own cache" : undefined,
  readsShards: ({ checkpoint }) => checkpoint === "presharded",
};
