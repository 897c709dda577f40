/** The prediction of one cell: memory and time, read from the program of its placement. */
import type { TracedSpec } from "../language/pipeline.ts";
import type { Placement, StrategyContext, Workload } from "../strategy/strategy.ts";
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
  return { need, time: predictTime(placement, workload, context, spec, returnedBytes(need)) };
}

/** Of the device that returns most of its memory to the driver and takes it anew. */
function returnedBytes({ devices }: Need): number {
  return Math.max(
    0,
    ...devices.map(({ allocatorRetries, peakReservedBytes }) =>
      (allocatorRetries ?? 0) * (peakReservedBytes ?? 0)
    ),
  );
}
