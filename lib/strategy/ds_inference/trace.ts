/** What a generation under DeepSpeed-Inference does on one of its ranks. */
import type { DsInferenceSpec } from "../../language/pipeline.ts";
import { traceGenerate } from "../../model/generate.ts";
import { HOST, type TraceSink } from "../../trace/trace.ts";
import { plainExecution } from "../execution.ts";
import { generationOf } from "../generation.ts";
import { traceStart } from "../start.ts";
import type { StrategyContext, Workload } from "../strategy.ts";
import type { DsInferenceLayout } from "./place.ts";

/**
 * Default `max_shard_size` of `save_pretrained` in 2022 ("10GB"): the most that the BLOOM scripts, which gave
 * `init_inference` a model on meta tensors and the list of its files, held of the checkpoint at one time.
 */
const MAX_SHARD_BYTES = 10e9;

/** Writes start, load, prefill and decode of rank 0. */
export function traceDsInference(
  spec: DsInferenceSpec,
  context: StrategyContext,
  layout: DsInferenceLayout,
  workload: Workload,
  sink: TraceSink,
): void {
  traceStart(spec.use, context, 0, layout.ranks, sink);
  sink.beginPhase("load", 0);
  // from_pretrained gives each rank the whole model in host memory; init_inference cuts and moves it, then
  // the whole one is dropped. Kernel injection on meta tensors reads file by file instead.
  const host = context.hardware.device.type === "cpu" ? 0 : HOST;
  const byFile = spec.kernelInject && !context.stack.runnable;
  const whole = sink.allocate({
    device: host,
    name: byFile ? "checkpoint file" : "unsharded model",
    category: "weights",
    bytes: byFile ? Math.min(layout.wholeBytes, MAX_SHARD_BYTES) : layout.wholeBytes,
  });
  for (const { name, bytes } of layout.weights) {
    sink.allocate({ device: 0, name, category: "weights", bytes });
  }
  sink.free(whole);

  traceGenerate(
    context.family,
    context.shape,
    generationOf(spec, context, workload, layout.ranks),
    {
      ...plainExecution(0),
      lmHeadSplit: layout.lmHeadSplit,
      allReduce(device, bytes) {
        if (layout.ranks === 1) return;
        // A ring all-reduce sends 2 (n - 1) / n of the buffer from each rank.
        const linkBytes = 2 * bytes * (layout.ranks - 1) / layout.ranks;
        sink.run({
          device,
          name: "all_reduce",
          flops: 0,
          bytes: 2 * bytes,
          launches: 1,
          link: "device",
          linkBytes,
        });
      },
    },
    sink,
  );
}
