/** The largest batch that fits, all else equal. */
import type { Placement, StrategyContext, Workload } from "../strategy/strategy.ts";
import type { Prediction } from "./prediction.ts";
import { nearMemory, tensorNeed } from "./predict_memory.ts";
import { judge } from "./verdict.ts";

/** Batches beyond this are not searched for. */
const MAX_BATCH = 2 ** 20;

/**
 * Largest batch that is more likely to fit than not: it was predicted to, and one sequence more was not.
 *
 * @returns null when not even one sequence fits.
 */
export function largestBatch(
  placement: Placement,
  workload: Workload,
  context: StrategyContext,
): number | null {
  return largestFitting(
    (batchSize) => excessOf(judge(tensorNeed(placement, { ...workload, batchSize }, context))),
    (batchSize) => excessOf(judge(nearMemory(placement, { ...workload, batchSize }, context))),
    MAX_BATCH,
    workload.batchSize,
  );
}

/**
 * `searchLargest` in two stages: tensors alone are added up quickly, and say which numbers cannot fit; the allocator's
 * replay says which do, and is asked near the answer only.
 *
 * @param first Probed first.
 */
export function largestFitting(
  tensors: (value: number) => number,
  whole: (value: number) => number,
  most: number,
  first: number,
): number | null {
  const allowed = searchLargest(tensors, most, first);
  return allowed === null ? null : searchLargest(whole, allowed, allowed, tensors(1));
}

/** How far a cell is beyond its limit, as a part of it; not positive where it counts as fitting. */
export function excessOf(
  { limit, oomProbability }: Pick<Prediction, "limit" | "oomProbability">,
): number {
  const excess = limit === null ? -1 : limit.needBytes / limit.haveBytes - 1;
  // The sign is that of the verdict, which near the capacity may say otherwise by a rounding.
  return oomProbability > 0.5 ? Math.max(Number.MIN_VALUE, excess) : Math.min(0, excess);
}

/**
 * Largest number from 1 to `most` whose excess is not positive. The excess grows almost linearly, so each guess is the
 * root of the line through the two nearest probes; every third guess halves the interval, so that no shape of the
 * excess makes the search long.
 *
 * @param excess What a number needs beyond what there is; negative where it fits.
 * @param first Probed first, the nearer the answer the better.
 * @param likely What 1 probably needs: it is then asked for only where nothing else fits.
 * @returns null when not even 1 fits.
 */
export function searchLargest(
  excess: (value: number) => number,
  most: number,
  first = 2,
  likely?: number,
): number | null {
  let good: Probe = { value: 1, excess: likely ?? excess(1) };
  if (likely === undefined && good.excess > 0) return null;
  let before = good;
  let bad: Probe | undefined;
  let guess = Math.min(most, Math.max(2, first));
  while (bad === undefined && good.value < most) {
    const probe = { value: guess, excess: excess(guess) };
    if (probe.excess > 0) {
      bad = probe;
      break;
    }
    before = good;
    good = probe;
    const slope = (good.excess - before.excess) / (good.value - before.value);
    const root = slope > 0 ? Math.floor(good.value - good.excess / slope) + 1 : 2 * good.value;
    guess = Math.min(most, Math.max(good.value + 1, root), 64 * good.value);
  }
  const found = bad === undefined ? good.value : between(excess, good, bad);
  return found === 1 && likely !== undefined && excess(1) > 0 ? null : found;
}

/** A number, and what it needs. */
interface Probe {
  readonly value: number;
  readonly excess: number;
}

/** The largest number whose excess is not positive, from a good one on, below a bad one. */
function between(excess: (value: number) => number, from: Probe, to: Probe): number {
  let good = from;
  let bad = to;
  for (let count = 1; bad.value - good.value > 1; count++) {
    const width = bad.value - good.value;
    const part = count % 3 === 0 ? 0.5 : -good.excess / (bad.excess - good.excess);
    const guess = good.value + Math.min(width - 1, Math.max(1, Math.floor(part * width)));
    const probe = { value: guess, excess: excess(guess) };
    if (probe.excess > 0) bad = probe;
    else good = probe;
  }
  return good.value;
}
