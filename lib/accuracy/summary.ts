/** What comparisons come to: errors by quantity, coverage of intervals, and the confusion of verdicts. */
import {
  type Comparison,
  COMPARISON_GROUPS,
  type ComparisonGroup,
  type VerdictComparison,
} from "./compare.ts";
import { type HeldOut, heldOut } from "./held_out.ts";
import { median } from "./quantile.ts";
import { QUANTITIES, type Quantity } from "./measured.ts";

/** Errors of one quantity; errors are fractions. */
export interface QuantitySummary {
  readonly quantity: Quantity;
  readonly group: ComparisonGroup;
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
  /** The same with intervals as wide as the other runs ask for; absent where there is one run. */
  readonly heldOut?: HeldOut;
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
    COMPARISON_GROUPS.flatMap((group) => {
      const values = comparisons.filter((each) =>
        each.quantity === quantity && each.group === group
      );
      return values.length === 0 ? [] : [summarizeQuantity(quantity, group, values)];
    })
  );
  return { cells: verdicts.length, quantities, confusion: confusionOf(verdicts) };
}

function summarizeQuantity(
  quantity: Quantity,
  group: ComparisonGroup,
  values: readonly Comparison[],
): QuantitySummary {
  const errors = values.map(({ error }) => Math.abs(error));
  const worst = values.reduce((a, b) => Math.abs(b.error) > Math.abs(a.error) ? b : a);
  const ranged = values.flatMap(({ source, interval, measured }) =>
    interval === undefined ? [] : [{ source, interval, measured }]
  );
  const apart = heldOut(ranged, !quantity.endsWith("Bytes"));
  return {
    quantity,
    group,
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
      ...(apart === undefined ? {} : { heldOut: apart }),
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
