/** What is known of a command of the user's own: at most that it does what a strategy of ours does. */
import type { StrategySpec, TracedSpec } from "../../language/pipeline.ts";

/**
 * The strategy that is traced for a cell: its own, or the one that a script names; undefined where nothing is. What a
 * script's strategy leaves open is as PyTorch and Hugging Face have it when nobody asks: nothing is settled for it.
 */
export function tracedSpec(spec: StrategySpec): TracedSpec | undefined {
  if (spec.use !== "script") return spec;
  const { predictAs, name, dtype, allocator = "native" } = spec;
  if (predictAs === undefined) return undefined;
  return { ...predictAs, name, dtype, allocator, decode: predictAs.decode ?? "eager" };
}

/** Whether what is told of some strategies matters to this one. */
export function isConcerned(spec: StrategySpec, strategies: readonly TracedSpec["use"][]): boolean {
  const traced = tracedSpec(spec);
  return traced !== undefined && strategies.includes(traced.use);
}
