/** The prediction of one cell: memory and time, read from the program of its placement. */
import type { TracedSpec } from "../language/pipeline.ts";
import type { LentBytes, Placement, StrategyContext, Workload } from "../strategy/strategy.ts";
import type { ReturnedBytes } from "../memory/reserved.ts";
import { doubted } from "./interval.ts";
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
  const { time, hostIsAhead } = predictTime(placement, workload, context, spec, returned);
  return { need: lateIn(need, placement.lent, hostIsAhead), time };
}

/**
 * The same where blocks come back late: what a device may be filled with. It is no need, as a request that finds no room
 * waits for them.
 */
function lateIn(need: Need, lent: LentBytes | undefined, hostIsAhead: number): Need {
  if (lent === undefined) return need;
  const late = { below: lent.largest, above: hostIsAhead * lent.others };
  const devices = need.devices.map((device) => {
    const { peakBytes, required, capacityBytes } = device;
    // What would be filled by a cell that does not fit is its need.
    if (peakBytes === required) return device;
    return { ...device, peakBytes: doubted(peakBytes, late, capacityBytes ?? Infinity) };
  });
  return { ...need, devices };
}

/** Of the device that returns most of its memory to the driver and takes it anew. */
function mostReturned({ devices }: Need): ReturnedBytes {
  const most = (phase: keyof ReturnedBytes) =>
    Math.max(0, ...devices.map(({ returnedBytes }) => returnedBytes[phase]));
  return { prefill: most("prefill"), decode: most("decode") };
}
