/** What a generation under ZeRO-Inference does on one rank: gather a layer, run it, drop it, for every layer. */
import type { DsZeroSpec } from "../../language/pipeline.ts";
import type { Execution } from "../../model/family.ts";
import { traceGenerate } from "../../model/generate.ts";
import { Tape } from "../../trace/tape.ts";
import { HOST, type TraceSink } from "../../trace/trace.ts";
import { plainExecution } from "../execution.ts";
import { generationOf } from "../generation.ts";
import { traceStart } from "../start.ts";
import type { StrategyContext, Workload } from "../strategy.ts";
import type { ZeroLayout, ZeroWeight } from "./place.ts";

/** Writes start, load, prefill and decode of rank 0. */
export function traceZero(
  spec: DsZeroSpec,
  context: StrategyContext,
  layout: ZeroLayout,
  workload: Workload,
  sink: TraceSink,
): void {
  traceStart(spec.use, context, 0, layout.ranks, sink);
  sink.beginPhase("load", 0);
  const device = new Tape(sink, 0);
  const host = new Tape(sink, HOST);
  if (layout.stagingBytes > 0) {
    host.tensor("NVMe buffers (pinned)", layout.stagingBytes, "workspace");
  }
  for (const weight of layout.weights) {
    if (weight.hostBytes > 0) host.tensor(weight.name, weight.hostBytes, "weights");
    if (weight.deviceBytes === 0) continue;
    // zero.Init makes the whole parameter, then keeps this rank's part of it.
    const whole = device.tensor(`${weight.name} (whole)`, weight.wholeBytes, "weights");
    device.tensor(weight.name, weight.deviceBytes, "weights");
    device.free(whole);
  }
  traceGenerate(
    context.family,
    context.shape,
    generationOf(spec, context, workload, 1),
    gathering(spec, layout, sink),
    sink,
  );
}

/**
 * The module hooks of stage 3: all-gather before a module runs, release after it. One rank without offload
 * holds every parameter whole already, and DeepSpeed returns the partition without a copy.
 */
function gathering(spec: DsZeroSpec, layout: ZeroLayout, sink: TraceSink): Execution {
  if (layout.ranks === 1 && spec.offload === "none") return plainExecution(0);
  const byModule = new Map<string, ZeroWeight[]>();
  for (const weight of layout.weights) {
    const known = byModule.get(weight.module) ?? [];
    byModule.set(weight.module, [...known, weight]);
  }
  // A tied head gathers the embedding once more.
  const embedding = layout.weights.find(({ name }) => name.endsWith("embeddings.weight"));
  if (embedding && !byModule.has("lm_head")) byModule.set("lm_head", [embedding]);

  const tape = new Tape(sink, 0);
  const live = new Map<string, number>();
  return {
    ...plainExecution(0),
    enter(module) {
      const weights = byModule.get(module);
      if (weights === undefined) return;
      const bytes = weights.reduce((sum, { wholeBytes }) => sum + wholeBytes, 0);
      live.set(module, tape.tensor(`${module} (gathered)`, bytes, "communication"));
      const received = spec.offload === "none" ? bytes * (layout.ranks - 1) / layout.ranks : bytes;
      sink.run({
        device: 0,
        name: "all_gather",
        flops: 0,
        bytes,
        launches: 1,
        link: spec.offload === "none" ? "device" : spec.offload === "cpu" ? "host" : "disk",
        linkBytes: received,
      });
    },
    leave(module) {
      const handle = live.get(module);
      if (handle === undefined) return;
      tape.free(handle);
      live.delete(module);
    },
  };
}
