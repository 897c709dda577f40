/** What a generation under DeepSpeed-Inference does on one of its ranks. */
import type { Device } from "../../catalog/types.ts";
import { memoryCalibration } from "../../catalog/calibration.ts";
import type { DsInferenceSpec } from "../../language/pipeline.ts";
import type { Execution } from "../../model/family.ts";
import { traceGenerate } from "../../model/generate.ts";
import { runtimeOf } from "../../model/runtime.ts";
import { HeldBytes } from "../../trace/held.ts";
import type { TraceSink } from "../../trace/trace.ts";
import { beginningWith, plainExecution } from "../execution.ts";
import { generationOf } from "../generation.ts";
import { traceFirstGeneration, traceStart } from "../start.ts";
import type { StrategyContext, Workload } from "../strategy.ts";
import { injectedLayer } from "./injected/layer.ts";
import { DEFAULT_MAX_OUT_TOKENS, workspaceBytes } from "./kernels.ts";
import { traceLoad } from "./load.ts";
import { SharedBuffers } from "./shared_buffers.ts";
import type { DsInferenceLayout } from "./place.ts";

/** Writes start, load, prefill and decode of rank 0. */
export function traceDsInference(
  spec: DsInferenceSpec,
  context: StrategyContext,
  layout: DsInferenceLayout,
  workload: Workload,
  outer: TraceSink,
): void {
  const sink = new HeldBytes(outer, 0);
  traceStart(spec.use, context, 0, layout.ranks, sink);
  traceLoad(spec, context, layout, sink);
  traceGenerate(
    context.family,
    context.shape,
    generationOf(spec, context, workload, layout.ranks),
    beginningWith(
      () => traceFirstGeneration(spec, context, [0], sink),
      executionOf(spec, context, layout, workload, sink),
    ),
    sink,
  );
}

/** Ranks that sum after each layer, and layers of DeepSpeed's own where it injects them. */
function executionOf(
  spec: DsInferenceSpec,
  context: StrategyContext,
  layout: DsInferenceLayout,
  workload: Workload,
  sink: HeldBytes,
): Execution {
  const execution = tensorParallel(layout, context.hardware.device.type, sink);
  if (!spec.kernelInject) return execution;
  const { modelTypes } = context.family;
  const isGated = modelTypes.includes("llama");
  const kind = {
    isBloom: modelTypes.includes("bloom"),
    isGated,
    isRotary: isGated || modelTypes.includes("gpt_neox"),
    isQuantized: spec.dtype === "int8",
  };
  const layer = injectedLayer(kind, execution.allReduce);
  let hasWorkspace = false;
  return {
    ...execution,
    layer(torch, call) {
      if (!hasWorkspace) traceWorkspace(spec, context, layout, workload, sink);
      hasWorkspace = true;
      return layer(torch, call);
    },
  };
}

/** Sums over the ranks after each layer. */
function tensorParallel(
  { ranks, lmHeadSplit }: DsInferenceLayout,
  deviceType: Device["type"],
  sink: TraceSink,
): Execution {
  const buffers = deviceType === "cpu" ? new SharedBuffers(ranks, sink) : undefined;
  return {
    ...plainExecution(0),
    lmHeadSplit,
    biasApart: ranks > 1 ? "all" : "none",
    allReduce(device, bytes) {
      if (ranks === 1) return;
      buffers?.reduce(bytes);
      // A ring all-reduce sends 2 (n - 1) / n of the buffer from each rank.
      const linkBytes = 2 * bytes * (ranks - 1) / ranks;
      sink.run({
        device,
        name: "all_reduce",
        flops: 0,
        bytes: 2 * bytes,
        launches: 1,
        isCollective: true,
        link: "device",
        linkBytes,
      });
    },
  };
}

/**
 * What the kernels take outside PyTorch when the first layer begins: cuBLAS handles of their own, and the workspace, for
 * as many tokens as the memory that is free then allows.
 */
function traceWorkspace(
  spec: DsInferenceSpec,
  { shape, behaviours, hardware, family, stack }: StrategyContext,
  { ranks }: DsInferenceLayout,
  { batchSize }: Workload,
  sink: HeldBytes,
): void {
  const { memoryBytes } = hardware.device;
  sink.allocate({
    device: 0,
    name: "cuBLAS handles of the kernels",
    category: "context",
    bytes: memoryCalibration(stack).kernelInjectionBytes,
  });
  const bytes = workspaceBytes({
    ...shape,
    ranks,
    batchSize,
    elementBytes: runtimeOf(spec, hardware.device, stack).elementBytes,
    maxOutTokens: spec.maxOutTokens ?? DEFAULT_MAX_OUT_TOKENS,
    externalCache: family.modelTypes.includes("bloom"),
    freeBytes: memoryBytes === null ? null : Math.max(0, memoryBytes - sink.bytes),
  }, behaviours);
  sink.allocate({
    device: 0,
    name: "kernel workspace",
    category: "workspace",
    bytes,
    outside: true,
  });
}
