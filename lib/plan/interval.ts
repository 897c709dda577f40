/** How sure a prediction is: 90 % intervals, and the probability that a need exceeds a capacity. */
import type { Device } from "../catalog/types.ts";
import type { Peak } from "../memory/peak.ts";
import type { Interval } from "./plan.ts";

/** Half the width of a 90 % interval in standard deviations of a normal distribution. */
const Z_90 = 1.6449;

/** `mid / factor .. mid x factor`. */
export function timesFactor(mid: number, factor: number): Interval {
  return { low: mid / factor, mid, high: mid * factor };
}

/**
 * Peak of one device. What is known exactly (weights, KV cache) does not widen it. On a GPU the caching
 * allocator may hold up to as much again as the short-lived tensors of a generation took, the cache among them, because each
 * step outgrows the blocks of the step before; on a CPU the allocator returns large blocks, and the spread is
 * that of the interpreter and its threads.
 */
export function deviceInterval(peak: Peak, type: Device["type"]): Interval {
  const { kv, activation, communication, context } = peak.byCategory;
  const mid = peak.bytes;
  if (type === "gpu") {
    const churned = kv + activation + communication;
    return {
      low: mid - 0.1 * context,
      mid: mid + 0.25 * churned,
      high: mid + churned + 0.1 * context,
    };
  }
  const spread = 0.1 * context + 0.1 * activation;
  return { low: mid - spread, mid, high: mid + spread };
}

/** Peak of one node's processes. */
export function hostInterval(bytes: number, type: Device["type"]): Interval {
  const factor = type === "gpu" ? 1.3 : 1.15;
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
