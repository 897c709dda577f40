/** Which cells of a plan a run launches. */
import type { BudgetSpec } from "../language/pipeline.ts";
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

/** The cells to launch, session by session, and the plan with the reason of each cell under this policy. */
export function selectCells(
  plan: Plan,
  policy: PredictedOom,
): { plan: Plan; selected: ReadonlyMap<string, readonly PlanCell[]> } {
  const cells = plan.cells.map((cell) => ({ ...cell, reason: reasonOf(cell, policy) }));
  const byId = new Map(cells.map((cell) => [cell.id, cell]));
  const selected = new Map(
    plan.sessions.map(({ id, cellIds }) => [
      id,
      cellIds.map((cellId) => byId.get(cellId)).filter((cell) =>
        cell !== undefined && isLaunched(cell, policy)
      ) as PlanCell[],
    ]),
  );
  return { plan: { ...plan, cells }, selected };
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
