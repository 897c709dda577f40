/** The largest batch that fits, all else equal. */
import type { Placement, StrategyContext, Workload } from "../strategy/strategy.ts";
import type { Prediction } from "./prediction.ts";
import { predictMemory, tensorNeed } from "./predict_memory.ts";
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
  // Tensors alone are added up quickly, and say which batches cannot fit; the allocator's replay says which do.
  const most = searchLargest(
    (batchSize) => excessOf(judge(tensorNeed(placement, { ...workload, batchSize }, context))),
    MAX_BATCH,
    workload.batchSize,
  );
  if (most === null) return null;
  return searchLargest(
    (batchSize) => excessOf(judge(predictMemory(placement, { ...workload, batchSize }, context))),
    most,
    most,
  );
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
 * @returns null when not even 1 fits.
 */
export function searchLargest(
  excess: (value: number) => number,
  most: number,
  first = 2,
): number | null {
  let good = { value: 1, excess: excess(1) };
  if (good.excess > 0) return null;
  let before = good;
  let bad: typeof good | undefined;
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
  if (bad === undefined) return good.value;
  for (let count = 1; bad.value - good.value > 1; count++) {
    const width = bad.value - good.value;
    const part = count % 3 === 0 ? 0.5 : -good.excess / (bad.excess - good.excess);
    guess = good.value + Math.min(width - 1, Math.max(1, Math.floor(part * width)));
    const probe = { value: guess, excess: excess(guess) };
    if (probe.excess > 0) bad = probe;
    else good = probe;
  }
  return good.value;
}
