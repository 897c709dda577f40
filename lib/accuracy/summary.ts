/** What comparisons come to: errors by quantity, coverage of intervals, and the confusion of verdicts. */
import type { Comparison, VerdictComparison } from "./compare.ts";
import { QUANTITIES, type Quantity } from "./measured.ts";

/** Errors of one quantity; errors are fractions. */
export interface QuantitySummary {
  readonly quantity: Quantity;
  /** Values whose time waits for launches, which differ twofold between machines, stand for themselves. */
  readonly launchBound: boolean;
  readonly count: number;
  readonly meanAbsoluteError: number;
  readonly medianAbsoluteError: number;
  /** The largest, with its sign. */
  readonly worstError: number;
  readonly worstCell: string;
  /** Part of the measurements within their 90 % interval; absent for quantities without one. */
  readonly coverage?: number;
  /** Median of (high - low) / mid. */
  readonly medianWidth?: number;
  /** Part of the measurements above the interval. */
  readonly exceeded?: number;
}

/** How verdicts came out, a predicted out-of-memory being the positive. */
export interface Confusion {
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly falseNegatives: number;
  readonly trueNegatives: number;
  /** Measured out-of-memories that were predicted; null where none was measured. */
  readonly recall: number | null;
  /** Predicted out-of-memories that were measured; null where none was predicted. */
  readonly precision: number | null;
  /** Cells whose verdict was wrong, and whether it was called tight. */
  readonly wrong: readonly VerdictComparison[];
}

/** The whole comparison. */
export interface Accuracy {
  readonly cells: number;
  readonly quantities: readonly QuantitySummary[];
  readonly confusion: Confusion;
}

/** Summarizes, in the order of the quantities. */
export function summarize(
  comparisons: readonly Comparison[],
  verdicts: readonly VerdictComparison[],
): Accuracy {
  const quantities = QUANTITIES.flatMap((quantity) =>
    [false, true].flatMap((launchBound) => {
      const values = comparisons.filter((each) =>
        each.quantity === quantity && each.launchBound === launchBound
      );
      return values.length === 0 ? [] : [summarizeQuantity(quantity, launchBound, values)];
    })
  );
  return { cells: verdicts.length, quantities, confusion: confusionOf(verdicts) };
}

function summarizeQuantity(
  quantity: Quantity,
  launchBound: boolean,
  values: readonly Comparison[],
): QuantitySummary {
  const errors = values.map(({ error }) => Math.abs(error));
  const worst = values.reduce((a, b) => Math.abs(b.error) > Math.abs(a.error) ? b : a);
  const ranged = values.flatMap(({ interval, measured }) =>
    interval === undefined ? [] : [{ interval, measured }]
  );
  return {
    quantity,
    launchBound,
    count: values.length,
    meanAbsoluteError: errors.reduce((sum, error) => sum + error, 0) / errors.length,
    medianAbsoluteError: median(errors),
    worstError: worst.error,
    worstCell: worst.cellId,
    ...(ranged.length === 0 ? {} : {
      coverage: part(
        ranged,
        ({ interval, measured }) => measured >= interval.low && measured <= interval.high,
      ),
      exceeded: part(ranged, ({ interval, measured }) => measured > interval.high),
      medianWidth: median(
        ranged.map(({ interval }) => (interval.high - interval.low) / interval.mid),
      ),
    }),
  };
}

function confusionOf(verdicts: readonly VerdictComparison[]): Confusion {
  const count = (predicted: boolean, measured: boolean) =>
    verdicts.filter(({ predictedOom, measuredOom }) =>
      predictedOom === predicted && measuredOom === measured
    ).length;
  const [truePositives, falsePositives] = [count(true, true), count(true, false)];
  const [falseNegatives, trueNegatives] = [count(false, true), count(false, false)];
  return {
    truePositives,
    falsePositives,
    falseNegatives,
    trueNegatives,
    recall: ratio(truePositives, truePositives + falseNegatives),
    precision: ratio(truePositives, truePositives + falsePositives),
    wrong: verdicts.filter(({ predictedOom, measuredOom }) => predictedOom !== measuredOom),
  };
}

function ratio(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}

function part<T>(values: readonly T[], test: (value: T) => boolean): number {
  return values.filter(test).length / values.length;
}

/** The middle value, or the mean of the two in the middle; 0 of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}
