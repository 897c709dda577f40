/** Which cells of a plan a run launches. */
import type { BudgetSpec } from "../language/pipeline.ts";
import { withReason } from "./compact_cells.ts";
import type { Plan, PlanCell } from "./plan.ts";
import type { Prediction } from "./prediction.ts";

/** What to do with cells that are predicted to run out of memory. */
export type PredictedOom = BudgetSpec["predictedOom"];

/** From this probability on a cell counts as predicted to run out of memory. */
const OOM_PROBABILITY = 0.5;

/** Whether a cell is predicted to run out of memory, of a device or of the host. */
export function predictsOom({ prediction }: { readonly prediction: Prediction }): boolean {
  return prediction.verdict !== "invalid" && prediction.oomProbability > OOM_PROBABILITY;
}

/** The cells of a plan with the reason of each under this policy, and the ids of those that are launched. */
export function selectCells(
  { cells }: Pick<Plan, "cells">,
  policy: PredictedOom,
): { readonly cells: readonly PlanCell[]; readonly launched: ReadonlySet<string> } {
  const launched = new Set<string>();
  const selected = cells.map((cell) => {
    if (cell.sessionId !== null && isLaunched(cell, policy)) launched.add(cell.id);
    return withReason(cell, reasonOf(cell, policy));
  });
  return { cells: selected, launched };
}

/** Whether a run launches a cell. */
function isLaunched(cell: Predicted, policy: PredictedOom): boolean {
  if (cell.prediction.verdict === "invalid") return false;
  if (policy === "run") return true;
  return predictsOom(cell) === (policy === "only");
}

interface Predicted {
  readonly prediction: Prediction;
}

/** Why a run would, or would not, launch a cell. */
export function reasonOf(cell: Predicted, policy: PredictedOom): string {
  if (cell.prediction.verdict === "invalid") return "invalid: not launched";
  const launched = isLaunched(cell, policy);
  if (predictsOom(cell)) {
    return launched
      ? "predicted to run out of memory: launched to prove it"
      : "predicted to run out of memory: skipped";
  }
  return launched ? "new: launched" : "predicted to fit: skipped (predictedOom: only)";
}
