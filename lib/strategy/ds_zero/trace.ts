/** What a generation under ZeRO-Inference does on one rank: gather a layer, run it, drop it, for every layer. */
import { memoryCalibration } from "../../catalog/calibration.ts";
import type { DsZeroSpec } from "../../language/pipeline.ts";
import type { Execution } from "../../model/family.ts";
import { traceGenerate } from "../../model/generate.ts";
import type { TraceSink } from "../../trace/trace.ts";
import { beginningWith } from "../execution.ts";
import { generationOf } from "../generation.ts";
import { traceFirstGeneration, traceStart } from "../start.ts";
import type { StrategyContext, Workload } from "../strategy.ts";
import { Coordinator, type ModuleCall } from "./coordinator.ts";
import { GatherMemory } from "./gather.ts";
import { hookedModules } from "./hooked_modules.ts";
import { traceLoad } from "./load.ts";
import { leafAround } from "./leaves.ts";
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
      traceFirstGeneration(spec, context, [0], sink);
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

/**
 * The module hooks of stage 3: parameters are gathered before a module runs and may be released after it. What is
 * traced is a generation that another one came before, as in a session whose cells warm up: its prefill prefetches too.
 */
function gathering(
  spec: DsZeroSpec,
  context: StrategyContext,
  layout: ZeroLayout,
  sink: TraceSink,
): { readonly execution: Execution; end(): void } {
  const { ranks, weights, settings } = layout;
  const partitioning = {
    ranks,
    offload: spec.offload,
    isCpu: context.hardware.device.type === "cpu",
    overlaps: settings.overlaps,
    ...(settings.leaves.granularity > 0 ? { dropped: inLeaves(layout) } : {}),
  };
  const coordinator = new Coordinator(
    weights,
    settings,
    new GatherMemory(partitioning, sink),
    recordedCalls(spec, context, layout),
  );
  return {
    execution: hookedModules(context.root, layout, coordinator),
    end: () => coordinator.end(),
  };
}

function inLeaves({ weights, leaves }: ZeroLayout): ReadonlySet<ZeroWeight> {
  return new Set(
    weights.filter(({ modules }) => modules.some((name) => leafAround(name, leaves) !== undefined)),
  );
}

const RECORDS = new WeakMap<ZeroLayout, readonly ModuleCall<ZeroWeight>[]>();

/** The module calls of a pass: the same for a prompt as for one token. */
function recordedCalls(
  spec: DsZeroSpec,
  context: StrategyContext,
  layout: ZeroLayout,
): readonly ModuleCall<ZeroWeight>[] {
  const known = RECORDS.get(layout);
  if (known !== undefined) return known;
  const calls: ModuleCall<ZeroWeight>[] = [];
  const recorder = hookedModules(context.root, layout, {
    beginPass: () => {},
    enter: (call) => void calls.push(call),
    leave: () => {},
  });
  const workload = { batchSize: 1, promptTokens: 1, newTokens: 1 };
  const generation = generationOf(spec, context, workload, 1);
  traceGenerate(context.family, context.shape, generation, recorder, NOTHING);
  RECORDS.set(layout, calls);
  return calls;
}

/** Keeps nothing of a trace. */
const NOTHING: TraceSink = { beginPhase() {}, allocate: () => 0, free() {}, run() {} };
