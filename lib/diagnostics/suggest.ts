/** Did-you-mean. */
import { editDistance } from "./distance.ts";

/** Longer words are not typing mistakes, and comparing them costs. */
const LONGEST_WORD = 64;

function fold(word: string): string {
  return word.toLowerCase().replace(/[-_\s]/g, "");
}

/**
 * The candidate that the user probably meant, or undefined when none is near: at most a quarter of the letters (but
 * one in any word of three) may differ, two that are swapped being one; case, dashes and underscores do not count
 * (`tensor_parallel` is `tensorParallel`).
 */
export function suggest(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length > LONGEST_WORD) return undefined;
  const folded = fold(word);
  if (folded === "") return undefined;
  let best: string | undefined;
  let bestDistance = (folded.length < 3 ? 0 : Math.max(1, Math.floor(folded.length / 4))) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(folded, fold(candidate), bestDistance - 1);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}
