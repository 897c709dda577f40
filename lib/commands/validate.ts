/** `validate RUN|FILE...`: plans cells that were measured, and says how far the predictions are off. */
import { findDevice } from "../catalog/devices.ts";
import { fittedTo } from "../catalog/fitted.ts";
import {
  compareCell,
  compareVerdict,
  type Comparison,
  type VerdictComparison,
} from "../accuracy/compare.ts";
import type { MeasuredSet } from "../accuracy/measured.ts";
import { type Accuracy, summarize } from "../accuracy/summary.ts";
import type { Pipeline } from "../language/pipeline.ts";
import { sha256 } from "../plan/hash.ts";
import { predictCells } from "../plan/predict_cells.ts";
import { accuracyDocument, type AccuracySource } from "../report/accuracy_view.ts";
import { renderMarkdown, renderText } from "../report/document.ts";
import { renderJson, renderJsonLines } from "../report/render.ts";
import { readMeasured } from "./measured_input.ts";
import { readCalibration } from "./calibration_file.ts";
import { planContext, type PlanSources } from "./make_plan.ts";
import { putOut } from "./output.ts";
import { EXIT, type OutputSettings } from "./settings.ts";
import { readWorkerSources } from "./worker_sources.ts";

/** Arguments of `validate`. */
export interface ValidateSettings extends OutputSettings {
  /** Run folders, results.json, JSON lines, or pipelines whose figures were published. */
  readonly paths: readonly string[];
  /** File of speed constants that calibrate has written. */
  readonly calibration?: string;
  /** Exit 1 when a verdict was wrong that was not called tight. */
  readonly failOnMismatch: boolean;
}

/** What a validation found. */
export interface Validation {
  readonly accuracy: Accuracy;
  readonly comparisons: readonly Comparison[];
  readonly verdicts: readonly VerdictComparison[];
  readonly sources: readonly AccuracySource[];
  /** In words what could not be compared. */
  readonly problems: readonly string[];
}

/**
 * @returns 0, or 1 when a verdict was wrong and that is asked for.
 * @throws DiagnosticError when a path holds no measurements.
 */
export function validateCommand(settings: ValidateSettings): number {
  const { sets, problems } = readMeasured(settings.paths);
  const own = settings.calibration === undefined
    ? undefined
    : readCalibration(settings.calibration);
  const validation = validateSets(sets, { calibrationOf: () => own });
  const found = { ...validation, problems: [...problems, ...validation.problems] };
  putOut(render(found, settings.format), settings);
  const wrong = validation.accuracy.confusion.wrong.some(({ tight }) => !tight);
  return settings.failOnMismatch && wrong ? EXIT.failed : EXIT.done;
}

/** Predicts the cells of every set anew, and compares. */
export function validateSets(
  sets: readonly MeasuredSet[],
  options: Pick<PlanSources, "calibrationOf"> = {},
): Validation {
  const comparisons: Comparison[] = [];
  const verdicts: VerdictComparison[] = [];
  const problems: string[] = [];
  for (const set of sets) {
    const { source, pipeline, cells, frozenWeights = false, loadedOtherwise = false } = set;
    const kind = pipeline.hardware.devices?.kind;
    const onCpu = kind !== undefined && findDevice(kind)?.type === "cpu";
    const context = planContext(".", { findLargestBatch: false, frozenWeights, ...options });
    const { value: predictions, diagnostics } = predictCells(
      pipeline,
      cells.map(({ cell }) => cell),
      context,
    );
    const reasons = diagnostics.filter(({ severity }) => severity === "error");
    problems.push(...reasons.map(({ message }) => `${source}, ${pipeline.name}: ${message}`));
    for (const measured of cells) {
      const prediction = predictions?.get(measured.cell.id) ?? measured.stored;
      if (prediction === undefined || prediction.verdict === "invalid") continue;
      comparisons.push(
        ...compareCell({ source, onCpu, loadedOtherwise }, measured, prediction),
      );
      verdicts.push(compareVerdict(source, measured, prediction));
    }
  }
  const workers = sha256(readWorkerSources());
  const sources = sets.map((set) => ({
    source: set.source,
    subject: subject(set.pipeline, set.cells[0]?.cell.strategy.use ?? ""),
    cells: set.cells.length,
    isOlder: set.workersSha256 !== undefined && set.workersSha256 !== workers,
    fitted: fittedTo(set.source),
  }));
  const accuracy = summarize(comparisons, verdicts);
  return { accuracy, comparisons, verdicts, sources, problems: [...new Set(problems)] };
}

function subject({ name, hardware, stack }: Pipeline, use: string): string {
  const devices = hardware.catalog ?? `${hardware.devices?.count ?? 0}x ${hardware.devices?.kind}`;
  const versions = "name" in stack
    ? stack.name
    : ["torch", "transformers", "accelerate", "deepspeed"]
      .flatMap((name) =>
        stack.versions[name] === undefined ? [] : [`${name} ${stack.versions[name]}`]
      )
      .join(", ");
  return `${name}, ${use}, ${devices}, ${versions}`;
}

function render(validation: Validation, format: ValidateSettings["format"]): string {
  const { accuracy, comparisons, verdicts, sources, problems } = validation;
  switch (format) {
    case "json":
      return renderJson({ formatVersion: "1.0", sources, ...accuracy, comparisons, problems });
    case "jsonl":
      return renderJsonLines(comparisons);
    case "csv":
      return csv(comparisons, verdicts);
    case "markdown":
      return renderMarkdown(accuracyDocument(accuracy, sources, problems));
    case "table":
      return renderText(accuracyDocument(accuracy, sources, problems));
  }
}

const CSV_HEADER = "source,cell,quantity,measured,predicted,error,low,high";

function csv(
  comparisons: readonly Comparison[],
  verdicts: readonly VerdictComparison[],
): string {
  const rows = comparisons.map(
    ({ source, cellId, quantity, measured, predicted, error, interval }) => [
      source,
      cellId,
      quantity,
      measured,
      predicted,
      error,
      interval?.low ?? "",
      interval?.high ?? "",
    ],
  );
  const outcomes = verdicts.map(({ source, cellId, measuredOom, predictedOom }) => [
    source,
    cellId,
    "oom",
    Number(measuredOom),
    Number(predictedOom),
    Number(predictedOom) - Number(measuredOom),
    "",
    "",
  ]);
  return [CSV_HEADER, ...[...rows, ...outcomes].map((row) => row.map(csvField).join(","))]
    .map((line) => `${line}\n`).join("");
}

function csvField(value: string | number): string {
  const text = String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
