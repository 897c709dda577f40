/** `suggest FILE [CELL]`: the largest batches, the changes that make cells fit, and the smallest hardware. */
import { DiagnosticError } from "../diagnostics/diagnostic.ts";
import { unknownCell } from "../diagnostics/messages/plan.ts";
import { suggest as nearest } from "../diagnostics/suggest.ts";
import type { CellSpec, Pipeline } from "../language/pipeline.ts";
import type { PlanCell } from "../plan/plan.ts";
import type { Verdict } from "../plan/prediction.ts";
import { predictsOom } from "../plan/selection.ts";
import { Setups } from "../plan/setups.ts";
import { smallestHardware, suggestChanges } from "../plan/suggest.ts";
import { renderMarkdown, renderText } from "../report/document.ts";
import { renderJson } from "../report/render.ts";
import { suggestDocument, type Suggestions, workloadText } from "../report/suggest_view.ts";
import { talkDiagnostics } from "./failures.ts";
import { readPipeline, sourceOf } from "./input.ts";
import { makePlan, planContext } from "./make_plan.ts";
import { putOut } from "./output.ts";
import { calibrationLookup } from "./own_calibration.ts";
import { type CommonSettings, EXIT } from "./settings.ts";

/** Arguments of `suggest`. */
export interface SuggestSettings extends CommonSettings {
  readonly format: "table" | "markdown" | "json";
  readonly output?: string;
  readonly file: string;
  /** Id of one cell; without it the smallest cells that do not fit. */
  readonly cell?: string;
}

/**
 * @returns 0, or 2 when the pipeline has a mistake.
 * @throws DiagnosticError for an unknown cell.
 */
export async function suggestCommand(settings: SuggestSettings): Promise<number> {
  const { file, terminal, format } = settings;
  const input = readPipeline(file);
  const sources = { calibrationOf: calibrationLookup(undefined, terminal) };
  const setups = new Setups(planContext(file, sources));
  const { plan, diagnostics } = await makePlan(input, sources, setups);
  const told = diagnostics.filter(({ severity }) => severity !== "info");
  talkDiagnostics(told, { terminal, source: sourceOf(input) });
  if (plan === undefined || input.parsed === undefined) return EXIT.usage;
  const { pipeline, cells } = input.parsed;
  const chosen = settings.cell === undefined
    ? smallestFailing(cells, plan.cells)
    : [findCell(cells, settings.cell)];
  const found = collect(pipeline, cells, plan.cells, chosen, setups);
  const text = format === "json"
    ? renderJson({ formatVersion: "1.0", ...found })
    : format === "markdown"
    ? renderMarkdown(suggestDocument(found))
    : renderText(suggestDocument(found));
  putOut(text, settings);
  return EXIT.done;
}

function findCell(cells: readonly CellSpec[], id: string): CellSpec {
  const cell = cells.find((each) => each.id === id);
  if (cell !== undefined) return cell;
  const suggestion = nearest(id, cells.map((each) => each.id));
  throw new DiagnosticError([
    unknownCell({ cell: id, ...(suggestion === undefined ? {} : { suggestion }) }),
  ]);
}

/** Verdicts that say nothing of a limit. */
const WITHOUT: readonly Verdict[] = ["invalid", "unknown"];

/** Cells that differ in nothing but the batch. */
function rowOf({ strategy, promptTokens, newTokens }: CellSpec): string {
  return JSON.stringify([strategy, promptTokens, newTokens]);
}

/** Of each row the smallest batch that does not fit. */
function smallestFailing(cells: readonly CellSpec[], planned: readonly PlanCell[]): CellSpec[] {
  const failing = cells.filter(({ id }) =>
    planned.some((cell) => cell.id === id && predictsOom(cell))
  );
  const rows = Map.groupBy(failing, rowOf);
  return [...rows.values()].flatMap((row) =>
    row.toSorted((a, b) => a.batchSize - b.batchSize).slice(0, 1)
  );
}

function collect(
  pipeline: Pipeline,
  cells: readonly CellSpec[],
  planned: readonly PlanCell[],
  chosen: readonly CellSpec[],
  setups: Setups,
): Suggestions {
  const rows = [...Map.groupBy(cells, rowOf).values()];
  const largest = rows.flatMap(([cell]) => {
    const found = planned.find(({ id }) => id === cell?.id);
    if (cell === undefined || found === undefined || WITHOUT.includes(found.prediction.verdict)) {
      return [];
    }
    const largestBatch = found.prediction.largestBatch ?? null;
    const next = setups.predict({ ...cell, batchSize: (largestBatch ?? 0) + 1 }, pipeline);
    return [{
      strategy: optionsText(cell),
      workload: workloadText(cell),
      largestBatch,
      cause: next?.causes[0] ?? "nothing that is known",
    }];
  });
  const changes = chosen.flatMap((cell) => {
    const found = planned.find(({ id }) => id === cell.id);
    return found === undefined ? [] : [{
      cell,
      prediction: found.prediction,
      suggestions: suggestChanges(cell, pipeline, setups),
    }];
  });
  return { name: pipeline.name, largest, changes, hardware: hardwareOf(pipeline, cells, setups) };
}

function optionsText({ strategy, axes }: CellSpec): string {
  const options = Object.entries(axes)
    .filter(([axis]) => !["batchSize", "promptTokens", "newTokens"].includes(axis))
    .map(([axis, value]) => `${axis}=${value}`);
  return [strategy.name, ...options].join(" ");
}

/** For each strategy, and for all together; a cpu device is no hardware to choose. */
function hardwareOf(
  pipeline: Pipeline,
  cells: readonly CellSpec[],
  setups: Setups,
): Suggestions["hardware"] {
  if (pipeline.hardware.devices?.kind === "cpu") return [];
  const hungriest = [...Map.groupBy(cells, rowOf).values()].flatMap((row) =>
    row.toSorted((a, b) => b.batchSize - a.batchSize).slice(0, 1)
  );
  const byStrategy = Map.groupBy(hungriest, optionsText);
  const ofEach = [...byStrategy].map(([subject, own]) => ({
    subject,
    hardware: smallestHardware(own, pipeline, setups) ?? null,
  }));
  if (byStrategy.size < 2) return ofEach;
  const hardware = smallestHardware(hungriest, pipeline, setups) ?? null;
  return [...ofEach, { subject: "the whole pipeline", hardware }];
}
