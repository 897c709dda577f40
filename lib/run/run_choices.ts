/** What a run was told beside its plan, as far as it decides what is run: kept in the journal, so that `resume` does the same. */
import type { PredictedOom } from "../plan/selection.ts";

/** Choices that a resumed run takes over. */
export interface RunChoices {
  /** What to do with cells that are predicted to run out of memory. */
  readonly predictedOom: PredictedOom;
  /** Whether the largest batch of every configuration is searched for, instead of running the cells. */
  readonly findLimit?: boolean;
  /** Interpreter that was named; absent when the environment is the cache's. */
  readonly python?: string;
  /** Whether the interpreter may have other versions than the plan. */
  readonly anyVersions: boolean;
  /** Package index to take torch from. */
  readonly torchIndex?: string;
}
