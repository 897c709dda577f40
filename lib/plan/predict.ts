/** The prediction of one cell: memory and time, read from the program of its placement. */
import type { TracedSpec } from "../language/pipeline.ts";
import type { Placement, StrategyContext, Workload } from "../strategy/strategy.ts";
import type { ReturnedBytes } from "../memory/reserved.ts";
import type { TimePrediction } from "./prediction.ts";
import { type Need, predictMemory } from "./predict_memory.ts";
import { predictTime } from "./predict_time.ts";

/** Bytes and seconds of a workload. */
export function predictCell(
  placement: Placement,
  workload: Workload,
  context: StrategyContext,
  spec: TracedSpec,
): { need: Need; time: TimePrediction } {
  const need = predictMemory(placement, workload, context);
  // Fixed segments are as good as free: what takes time is to map pages one by one.
  const returned = context.allocator === "expandable" ? mostReturned(need) : undefined;
  return { need, time: predictTime(placement, workload, context, spec, returned) };
}

/** Of the device that returns most of its memory to the driver and takes it anew. */
function mostReturned({ devices }: Need): ReturnedBytes {
  const most = (phase: keyof ReturnedBytes) =>
    Math.max(0, ...devices.map(({ returnedBytes }) => returnedBytes[phase]));
  return { prefill: most("prefill"), decode: most("decode") };
}
