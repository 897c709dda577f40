/** What a generation under ZeRO-Inference does on one rank: gather a layer, run it, drop it, for every layer. */
import { memoryCalibration } from "../../catalog/calibration.ts";
import type { DsZeroSpec } from "../../language/pipeline.ts";
import type { Execution } from "../../model/family.ts";
import { traceGenerate } from "../../model/generate.ts";
import type { TraceSink } from "../../trace/trace.ts";
import { beginningWith, plainExecution } from "../execution.ts";
import { generationOf } from "../generation.ts";
import { traceFirstGeneration, traceStart } from "../start.ts";
import type { StrategyContext, Workload } from "../strategy.ts";
import { Coordinator } from "./coordinator.ts";
import { GatherMemory } from "./gather.ts";
import { traceLoad } from "./load.ts";
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
  traceLoad(spec, context, layout, sink);
  const hooks = gathering(spec, context, layout, sink);
  traceGenerate(
    context.family,
    context.shape,
    generationOf(spec, context, workload, 1),
    beginningWith(() => {
      traceFirstGeneration(spec, context, sink);
      traceUnidentified(context, layout, sink);
    }, hooks.execution),
    sink,
  );
  hooks.end();
}

/** Whether old versions over several ranks hold what nothing explains. */
export function holdsUnidentified(
  { behaviours, hardware }: StrategyContext,
  ranks: number,
): boolean {
  return ranks > 1 && hardware.device.type === "gpu" && behaviours.has("zero-holds-more");
}

/** A fitted constant where the mechanisms above do not explain a published cell. */
function traceUnidentified(
  context: StrategyContext,
  { ranks }: ZeroLayout,
  sink: TraceSink,
): void {
  if (!holdsUnidentified(context, ranks)) return;
  sink.allocate({
    device: 0,
    name: "not identified (fitted)",
    category: "communication",
    bytes: memoryCalibration(context.stack).zeroUnidentifiedBytes.mid,
    outside: true,
  });
}

/** The module hooks of stage 3: parameters are gathered before a module runs and may be released after it. */
function gathering(
  spec: DsZeroSpec,
  context: StrategyContext,
  { ranks, weights, settings }: ZeroLayout,
  sink: TraceSink,
): { readonly execution: Execution; end(): void } {
  const byModule = new Map<string, ZeroWeight[]>();
  for (const weight of weights) {
    for (const module of weight.modules) {
      byModule.set(module, [...byModule.get(module) ?? [], weight]);
    }
  }
  const partitioning = {
    ranks,
    offload: spec.offload,
    isCpu: context.hardware.device.type === "cpu",
  };
  const coordinator = new Coordinator(weights, settings, new GatherMemory(partitioning, sink));
  let first: string | undefined;
  const execution: Execution = {
    ...plainExecution(0),
    enter(module) {
      first ??= module;
      if (module === first) coordinator.beginPass();
      coordinator.enter(byModule.get(module) ?? []);
    },
    leave(module) {
      coordinator.leave(byModule.get(module) ?? []);
    },
  };
  return { execution, end: () => coordinator.end() };
}
