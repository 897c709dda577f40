/** Intervals put to the test: would those that other runs ask for have held this one? */
import type { Interval } from "../plan/prediction.ts";
import { median, quantile } from "./quantile.ts";

/** A measured value with its interval, and the run that it comes from. */
export interface RangedValue {
  readonly source: string;
  readonly interval: Interval;
  readonly measured: number;
}

/** What intervals from the other runs come to. */
export interface HeldOut {
  /** Part of the measurements that they hold. */
  readonly coverage: number;
  /** Median of (high - low) / mid. */
  readonly medianWidth: number;
}

/** What an interval is to hold. */
const PART = 0.9;

/**
 * Leaves out one run after the other: the intervals of its values are stretched by the factor with which those of all
 * other runs hold nine in ten.
 *
 * @param isTime Times are stretched by factors, bytes by sums.
 * @returns undefined where there are no other runs.
 */
export function heldOut(values: readonly RangedValue[], isTime: boolean): HeldOut | undefined {
  const runs = Map.groupBy(values, ({ source }) => source);
  if (runs.size < 2) return undefined;
  const held = [...runs].flatMap(([source, own]) => {
    const others = values.filter((value) => value.source !== source);
    const stretch = quantile(others.map((value) => distance(value, isTime)), PART);
    return own.map((value) => ({
      isHeld: distance(value, isTime) <= stretch,
      width: stretchedWidth(value.interval, stretch, isTime),
    }));
  });
  return {
    coverage: held.filter(({ isHeld }) => isHeld).length / held.length,
    medianWidth: median(held.map(({ width }) => width)),
  };
}

/** How far a value lies from the middle, in multiples of its side of the interval. */
function distance({ interval: { low, mid, high }, measured }: RangedValue, isTime: boolean) {
  const scale = isTime ? Math.log : (value: number) => value;
  const end = measured > mid ? high : low;
  const off = Math.abs(scale(measured) - scale(mid));
  const side = Math.abs(scale(end) - scale(mid));
  return off === 0 ? 0 : off / side;
}

function stretchedWidth({ low, mid, high }: Interval, stretch: number, isTime: boolean): number {
  return isTime ? (high / mid) ** stretch - (low / mid) ** stretch : stretch * (high - low) / mid;
}
