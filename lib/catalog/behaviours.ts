/**
 * What libraries do that changed, or could change, between their versions, by name: predictions ask for a behaviour, not for a
 * version, and `explain` prints it (data/behaviours.json).
 */
import type { TracedSpec } from "../language/pipeline.ts";
import data from "./data/behaviours.json" with { type: "json" };
import type { Stack } from "./types.ts";
import { inRange } from "./version_range.ts";

/** Name of a behaviour. */
export type BehaviourName = keyof typeof data.behaviours;

/** One thing that some versions of some libraries do. */
export interface Behaviour {
  readonly name: BehaviourName;
  readonly title: string;
  /** Strategies that it can matter to. */
  readonly strategies: readonly TracedSpec["use"][];
  /** Model types that it can matter to; absent where it can to all. */
  readonly modelTypes?: readonly string[];
  /** Version ranges by package: it holds when all of one entry hold. */
  readonly when: readonly Readonly<Record<string, string>>[];
  readonly description: string;
  readonly source: string;
}

/** Every behaviour in catalog order. */
export const BEHAVIOURS: readonly Behaviour[] = Object.entries(data.behaviours).map(
  ([name, fact]) => ({
    ...fact,
    name: name as BehaviourName,
    strategies: fact.strategies as TracedSpec["use"][],
    when: fact.when as Readonly<Record<string, string>>[],
  }),
);

/** The behaviour of that name. */
export function findBehaviour(name: string): Behaviour | undefined {
  return BEHAVIOURS.find((behaviour) => behaviour.name === name);
}

/** What the versions of a stack do. A package that the stack lacks does nothing. */
export function behavioursOf({ versions }: Pick<Stack, "versions">): ReadonlySet<BehaviourName> {
  let known = HOLDING.get(versions);
  if (known === undefined) HOLDING.set(versions, known = holdingFor(versions));
  return known;
}

/** Traces ask for the same versions many times. */
const HOLDING = new WeakMap<Stack["versions"], ReadonlySet<BehaviourName>>();

function holdingFor(versions: Stack["versions"]): ReadonlySet<BehaviourName> {
  const holding = BEHAVIOURS.filter(({ when }) =>
    when.some((ranges) =>
      Object.entries(ranges).every(([name, range]) => {
        const version = versions[name];
        return version !== undefined && inRange(version, range);
      })
    )
  );
  return new Set(holding.map(({ name }) => name));
}

/** The ranges of a behaviour in words: `accelerate <0.20.0, or transformers <4.30.0`. */
export function rangeText({ when }: Behaviour): string {
  return when
    .map((ranges) => Object.entries(ranges).map((pair) => pair.join(" ")).join(" with "))
    .join(", or ");
}
