/** Predictions of given cells, without assembling a plan of them. */
import type { Diagnostic, Outcome } from "../diagnostics/diagnostic.ts";
import type { CellSpec, Pipeline } from "../language/pipeline.ts";
import { type Configuration, configure, predict, workloadMistakes } from "./configuration.ts";
import type { PlanContext } from "./context.ts";
import type { Prediction } from "./prediction.ts";
import { resolve } from "./resolve.ts";

/** By the id of the cell; a cell that is impossible, or whose strategy is, has none. */
export function predictCells(
  pipeline: Pipeline,
  cells: readonly CellSpec[],
  context: PlanContext,
): Outcome<ReadonlyMap<string, Prediction>> {
  const { value: resolved, diagnostics } = resolve(pipeline, context);
  if (resolved === undefined) return { diagnostics };
  const configurations = new Map<string, Configuration>();
  const found: Diagnostic[] = [...diagnostics];
  const value = new Map<string, Prediction>();
  for (const cell of cells) {
    const key = JSON.stringify(cell.strategy);
    const known = configurations.get(key) ?? configure(cell.strategy, pipeline, resolved);
    if (!configurations.has(key)) found.push(...known.diagnostics);
    configurations.set(key, known);
    const mistakes = workloadMistakes(cell, known);
    found.push(...mistakes);
    if (known.placement === undefined || mistakes.length > 0) continue;
    value.set(cell.id, predict(cell, known, known.placement, context));
  }
  return { value, diagnostics: found };
}
