/** The prediction of one cell: memory and time, read from one walk over its trace. */
import type { Dtype } from "../language/pipeline.ts";
import type { Placement, StrategyContext, Workload } from "../strategy/strategy.ts";
import { broadcast } from "../trace/trace.ts";
import type { TimePrediction } from "./plan.ts";
import { memoryMeter, type Need } from "./predict_memory.ts";
import { timeMeter } from "./predict_time.ts";

/** Bytes and seconds of a workload. */
export function predictCell(
  placement: Placement,
  workload: Workload,
  context: StrategyContext,
  dtype: Dtype,
): { need: Need; time: TimePrediction } {
  const memory = memoryMeter(placement, workload, context);
  const time = timeMeter(placement, workload, context, dtype);
  placement.trace(workload, broadcast([memory.sink, time.sink]));
  return { need: memory.read(), time: time.read() };
}
