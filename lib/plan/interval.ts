/** How sure a prediction is: 90 % intervals, and the probability that a need exceeds a capacity. */
import { MEMORY_INTERVALS } from "../catalog/calibration.ts";
import type { Device } from "../catalog/types.ts";
import type { Peak } from "../memory/peak.ts";
import type { Interval } from "./prediction.ts";

/** Half the width of a 90 % interval in standard deviations of a normal distribution. */
const Z_90 = 1.6449;

/** `mid / factor .. mid x factor`. */
export function timesFactor(mid: number, factor: number): Interval {
  return { low: mid / factor, mid, high: mid * factor };
}

/**
 * Peak of one cpu device, whose allocator returns large blocks: the spread is that of the interpreter and its threads.
 */
export function cpuInterval({ bytes, byCategory: { context, activation } }: Peak): Interval {
  const { cpuContext, cpuActivation } = MEMORY_INTERVALS;
  const spread = cpuContext * context + cpuActivation * activation;
  return { low: bytes - spread, mid: bytes, high: bytes + spread };
}

/**
 * What a GPU is filled with while a cell runs. Weights and libraries are there once; between the tensors of a
 * generation the order of the addresses, which the driver chooses, decides now and then whether a cached segment
 * serves once more, and with it a part of what the allocator reserved.
 */
export function filledInterval(mid: number, peak: Peak, capacity: number): Interval {
  const churned = Math.max(0, mid - peak.byCategory.weights - peak.outsideBytes);
  const { churnedBelow, churnedAbove } = MEMORY_INTERVALS;
  const outside = MEMORY_INTERVALS.outside * peak.outsideBytes;
  return {
    low: mid - churnedBelow * churned - outside,
    mid,
    high: Math.max(mid, Math.min(mid + churnedAbove * churned + outside, capacity)),
  };
}

/** How far off the least memory that a cell runs with may be. */
export function requiredMargin({ bytes, byCategory, outsideBytes }: Peak): number {
  const churned = Math.max(0, bytes - byCategory.weights - outsideBytes);
  return MEMORY_INTERVALS.requiredOfChurned * churned + MEMORY_INTERVALS.outside * outsideBytes;
}

/** The least memory that a cell runs with. */
export function requiredInterval(mid: number, peak: Peak): Interval {
  const margin = requiredMargin(peak);
  return { low: mid - margin, mid, high: mid + margin };
}

/** The same where a constant decides that nothing explains. */
export function doubted(
  { low, mid, high }: Interval,
  { below, above }: { readonly below: number; readonly above: number } = { below: 0, above: 0 },
  capacity = Infinity,
): Interval {
  return { low: low - below, mid, high: Math.max(high, Math.min(high + above, capacity)) };
}

/** Peak of one node's processes. */
export function hostInterval(bytes: number, type: Device["type"]): Interval {
  const factor = type === "gpu" ? MEMORY_INTERVALS.hostBesideGpu : MEMORY_INTERVALS.hostOfCpu;
  return timesFactor(bytes, factor);
}

/** Probability that the need exceeds the capacity, taking each half of the interval as half a normal curve. */
export function exceedProbability({ low, mid, high }: Interval, capacity: number): number {
  const half = capacity >= mid ? high - mid : mid - low;
  if (half <= 0) return mid > capacity ? 1 : 0;
  return 1 - normalCdf((capacity - mid) / (half / Z_90));
}

/** Standard normal distribution function (Abramowitz and Stegun 26.2.17, error below 7.5e-8). */
function normalCdf(x: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(x));
  const polynomial = t *
    (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const tail = polynomial * Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
  return x >= 0 ? 1 - tail : tail;
}
