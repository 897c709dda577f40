/** Did-you-mean. */
import { editDistance } from "./distance.ts";

/** Longer words are not typing mistakes, and comparing them costs. */
const LONGEST_WORD = 64;

function fold(word: string): string {
  return word.toLowerCase().replace(/[-_\s]/g, "");
}

/**
 * The candidate that the user probably meant, or undefined when none is near. First the nearest in slips of the finger:
 * at most a quarter of the letters (but one in any word of three) may differ, two that are swapped being one; case,
 * dashes and underscores do not count (`tensor_parallel` is `tensorParallel`). Else the shortest that has all parts of
 * the word in it (`A100-80GB` is `A100-SXM4-80GB`).
 */
export function suggest(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length > LONGEST_WORD) return undefined;
  const all = [...candidates];
  return nearest(word, all) ?? withAllParts(word, all);
}

function nearest(word: string, candidates: readonly string[]): string | undefined {
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

/** Parts shorter than this stand in too many words. */
const SHORTEST_PART = 3;

function withAllParts(word: string, candidates: readonly string[]): string | undefined {
  const parts = word.toLowerCase().split(/[^\p{L}\p{N}]+/u).filter((part) => part !== "");
  if (!parts.some((part) => part.length >= SHORTEST_PART)) return undefined;
  const fitting = candidates.filter((candidate) => {
    const folded = fold(candidate);
    return parts.every((part) => folded.includes(part));
  });
  return fitting.toSorted((a, b) => a.length - b.length)[0];
}
