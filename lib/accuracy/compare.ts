/** Predicted against measured: the error of every value, and what became of every verdict. */
import type { Interval, Prediction } from "../plan/prediction.ts";
import { predictsOom } from "../plan/selection.ts";
import type { MeasuredCell, Quantity } from "./measured.ts";

/** One value of one cell. */
export interface Comparison {
  readonly source: string;
  readonly cellId: string;
  readonly quantity: Quantity;
  readonly measured: number;
  readonly predicted: number;
  /** predicted / measured - 1 */
  readonly error: number;
  /** The 90 % interval, for quantities that have one. */
  readonly interval?: Interval;
  /** Whether a step waits for launches, which differ twofold between machines. */
  readonly launchBound: boolean;
}

/** One verdict. */
export interface VerdictComparison {
  readonly source: string;
  readonly cellId: string;
  readonly predictedOom: boolean;
  readonly measuredOom: boolean;
  /** The prediction named its own doubt. */
  readonly tight: boolean;
}

const TIMES: readonly Quantity[] = ["prefillMs", "msPerStep", "msPerToken"];

/** Compares every value that was measured and predicted. Devices and nodes are compared one by one. */
export function compareCell(
  source: string,
  { cell, values }: MeasuredCell,
  prediction: Prediction,
): Comparison[] {
  const predicted = predictedValues(prediction);
  return Object.entries(values).flatMap(([name, measured]) => {
    const quantity = name as Quantity;
    const list = predicted[quantity];
    return measured.flatMap((value, index): Comparison[] => {
      const found = list[index];
      if (found === undefined || found === null || value <= 0) return [];
      const mid = typeof found === "number" ? found : found.mid;
      return [{
        source,
        cellId: cell.id,
        quantity,
        measured: value,
        predicted: mid,
        error: mid / value - 1,
        ...(typeof found === "number" ? {} : { interval: found }),
        launchBound: TIMES.includes(quantity) && prediction.time?.bound === "launches",
      }];
    });
  });
}

/** Compares the verdict. */
export function compareVerdict(
  source: string,
  { cell, status }: MeasuredCell,
  prediction: Prediction,
): VerdictComparison {
  return {
    source,
    cellId: cell.id,
    predictedOom: predictsOom({ prediction }),
    measuredOom: status !== "ok",
    tight: prediction.verdict === "tight",
  };
}

function predictedValues(
  { devices, hosts, time }: Prediction,
): Record<Quantity, readonly (number | Interval | null)[]> {
  return {
    peakAllocatedBytes: devices.map((device) => device.peakAllocatedBytes),
    peakReservedBytes: devices.map((device) => device.peakReservedBytes),
    peakBytes: devices.map((device) => device.peakBytes),
    loadPeakAllocatedBytes: devices.map((device) => device.loadPeakAllocatedBytes),
    hostPeakBytes: hosts.map((host) => host.peakBytes),
    importSeconds: time === null ? [] : [time.importSeconds],
    loadSeconds: time === null ? [] : [time.loadSeconds],
    prefillMs: time === null ? [] : [time.prefillMs],
    msPerStep: time === null ? [] : [time.msPerStep],
    msPerToken: time === null ? [] : [time.msPerToken],
  };
}
