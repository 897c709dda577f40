/** Predicted against measured: the error of every value, and what became of every verdict. */
import type { CellSpec } from "../language/pipeline.ts";
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
  readonly group: ComparisonGroup;
}

/**
 * Values of a quantity that stand for themselves. `launch-bound`: times that wait for launches, which differ twofold between
 * machines. `cpu`: times of devices that are the host, which others use too. `older workers`: what workers of then
 * did otherwise, loads with the peaks that they may have made, and captured steps.
 */
export type ComparisonGroup = "plain" | "launch-bound" | "cpu" | "older workers";

/** Every group, in the order of reports. */
export const COMPARISON_GROUPS: readonly ComparisonGroup[] = [
  "plain",
  "launch-bound",
  "cpu",
  "older workers",
];

/** What is known of all cells of a set. */
export interface ComparedSet {
  readonly source: string;
  readonly onCpu?: boolean;
  readonly loadedOtherwise?: boolean;
}

/** One verdict. */
export interface VerdictComparison {
  readonly source: string;
  readonly cellId: string;
  readonly predictedOom: boolean;
  readonly measuredOom: boolean;
  /** The prediction named its own doubt. */
  readonly tight: boolean;
  /** What is known of the reason, where it was wrong. */
  readonly remark?: string;
}

/** Compares every value that was measured and predicted. Devices and nodes are compared one by one. */
export function compareCell(
  set: ComparedSet,
  { cell, values }: MeasuredCell,
  prediction: Prediction,
): Comparison[] {
  const { source } = set;
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
        group: groupOf(quantity, set, prediction, cell),
      }];
    });
  });
}

const TIMES: readonly Quantity[] = ["loadSeconds", "prefillMs", "msPerStep", "msPerToken"];
const STEPS: readonly Quantity[] = ["msPerStep", "msPerToken"];
const LOADS: readonly Quantity[] = [
  "loadPeakAllocatedBytes",
  "peakBytes",
  "hostPeakBytes",
  "loadSeconds",
];

function groupOf(
  quantity: Quantity,
  { onCpu = false, loadedOtherwise = false }: ComparedSet,
  prediction: Prediction,
  cell: CellSpec,
): ComparisonGroup {
  const ofOlder = LOADS.includes(quantity) ||
    cell.strategy.use !== "script" && cell.strategy.decode === "graph" && STEPS.includes(quantity);
  if (loadedOtherwise && ofOlder) return "older workers";
  if (onCpu && TIMES.includes(quantity)) return "cpu";
  return isLaunchBound(quantity, prediction, cell.newTokens) ? "launch-bound" : "plain";
}

/** Whether a time, or most of one that has two parts, waits for launches. */
function isLaunchBound(quantity: Quantity, { time }: Prediction, newTokens: number): boolean {
  if (time === null) return false;
  const ofPrefill = time.prefillBound === "launches";
  const ofSteps = time.bound === "launches";
  if (quantity === "prefillMs") return ofPrefill;
  if (quantity === "msPerStep") return ofSteps;
  if (quantity !== "msPerToken") return false;
  return time.prefillMs.mid > time.msPerStep.mid * (newTokens - 1) ? ofPrefill : ofSteps;
}

/** Compares the verdict. */
export function compareVerdict(
  source: string,
  { cell, status, remark }: MeasuredCell,
  prediction: Prediction,
): VerdictComparison {
  return {
    source,
    cellId: cell.id,
    predictedOom: predictsOom({ prediction }),
    measuredOom: status !== "ok",
    tight: prediction.verdict === "tight",
    ...(remark === undefined ? {} : { remark }),
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
