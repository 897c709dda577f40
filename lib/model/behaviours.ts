/**
 * What changed in transformers between versions and shows in memory. Each behaviour holds from one version to
 * before another.
 */
import type { Stack } from "../catalog/types.ts";

/** Tells which behaviours a stack has. */
export interface Behaviours {
  has(name: ModelBehaviour): boolean;
}

/** Version range: at least `from`, below `until`. */
interface Range {
  readonly from?: string;
  readonly until?: string;
  readonly description: string;
}

const MODEL_BEHAVIOURS = {
  "bloom-fused-cache": {
    until: "4.21",
    description:
      "BLOOM keeps keys and values of the prompt as views of the fused projection, which stays alive whole",
  },
  "bloom-tuple-cache": {
    until: "4.45",
    description:
      "BLOOM returns a new tuple of caches; the old one lives until the loop has the new one",
  },
  "bloom-causal-mask-4d": {
    from: "4.45",
    until: "5",
    description: "BLOOM fills a causal mask of the whole batch in place",
  },
  "masks-by-vmap": {
    until: "5",
    description: "masks come of functions that torch.vmap maps over the indices",
  },
  "greedy-search": {
    until: "4.39",
    description: "the loop keeps the outputs of a step through the forward pass of the next",
  },
  "logits-of-all-positions": {
    until: "5",
    description: "BLOOM multiplies every position of the prompt with the head",
  },
  "loop-position-ids": {
    from: "5",
    description: "the loop makes position ids once and appends to them",
  },
  "loop-cache-position": {
    from: "4.39",
    until: "5",
    description: "the loop passes cache positions along",
  },
} as const satisfies Readonly<Record<string, Range>>;

/** Name of a behaviour. */
export type ModelBehaviour = keyof typeof MODEL_BEHAVIOURS;

/** The behaviours of the transformers version of a stack. */
export function behavioursOf({ versions }: Stack): Behaviours {
  const version = numbers(versions["transformers"] ?? "");
  return {
    has(name) {
      const { from, until }: Range = MODEL_BEHAVIOURS[name];
      return (from === undefined || compare(version, numbers(from)) >= 0) &&
        (until === undefined || compare(version, numbers(until)) < 0);
    },
  };
}

function numbers(version: string): number[] {
  return (version.match(/^\d+(\.\d+)*/)?.[0] ?? "0").split(".").map(Number);
}

function compare(left: readonly number[], right: readonly number[]): number {
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
