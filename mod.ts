/**
 * Plan what fits before you load it: predicts memory and time of serving a large language model with Hugging Face
 * Accelerate, DeepSpeed-Inference and DeepSpeed ZeRO, from a pipeline file that names the model, the hardware,
 * the strategies and a grid of batches. Planning needs no GPU, no Python and no network, and read permission alone;
 * running launches the real workers.
 *
 * Every function returns what it found and everything that it has to say: mistakes of the pipeline are
 * {@linkcode Diagnostic diagnostics}, never exceptions.
 *
 * @example Plan a pipeline and list what would run out of memory
 * ```ts
 * import { plan } from "@stowage/stowage";
 *
 * const { value, diagnostics } = await plan({
 *   text: `
 *     model: bigscience/bloom
 *     hardware: jean-zay-a100-8
 *     strategies: [accelerate, ds-zero]
 *     grid: { batchSize: [1, 64, 128] }
 *   `,
 * });
 *
 * for (const { message } of diagnostics) console.log(message);
 * for (const { id, prediction } of value?.cells ?? []) {
 *   if (prediction.oomProbability > 0.5) console.log(id, prediction.causes);
 * }
 * ```
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { parseText, type PipelineInput, readPipeline, sourceOf } from "./lib/commands/input.ts";
import { makePlan, type PlanOptions } from "./lib/commands/make_plan.ts";
import type { Diagnostic, Outcome } from "./lib/diagnostics/diagnostic.ts";
import { type ParsedPipeline, parsePipeline } from "./lib/language/compile.ts";
import { renderText } from "./lib/diagnostics/render.ts";
import type { Plan } from "./lib/plan/plan.ts";
import type { Results } from "./lib/run/results.ts";
import type { RunOptions } from "./lib/run/run.ts";

export type {
  Diagnostic,
  Outcome,
  Place,
  Severity,
  Span,
  ValuePath,
} from "./lib/diagnostics/diagnostic.ts";
export type { FileReader, FileStat } from "./lib/catalog/files.ts";
export type { Conditions, GpuCondition } from "./lib/run/conditions.ts";
export type { SessionConditions } from "./lib/run/journal_records.ts";
export type { ParsedPipeline } from "./lib/language/compile.ts";
export type * from "./lib/language/pipeline.ts";
export type { Places } from "./lib/language/places.ts";
export type { PlanOptions } from "./lib/commands/make_plan.ts";
export type * from "./lib/plan/plan.ts";
export type * from "./lib/plan/prediction.ts";
export type { Progress, RunOptions } from "./lib/run/run.ts";
export type { Results, RunFacts } from "./lib/run/results.ts";
export type { FoundLimit } from "./lib/run/find_limits.ts";
export type { Probe } from "./lib/run/limit_search.ts";
export type { Gpu, HostFacts } from "./lib/run/host.ts";
export type {
  CellStatus,
  EventCommon,
  Measurement,
  MemorySample,
  WorkerEvent,
} from "./lib/run/protocol.ts";
export type { CellOutcome } from "./lib/run/outcome.ts";
export type { Decision, Rerun } from "./lib/run/decide.ts";
export type { RecordedOutcome } from "./lib/run/results.ts";
export type { Failure, FailureKind } from "./lib/run/failure_kinds.ts";
export type { ReportedCell, ReportedResults } from "./lib/report/results_shape.ts";
export type { PredictedOom } from "./lib/plan/selection.ts";
export { OUTPUT_FORMATS, type OutputFormat, renderPlan } from "./lib/report/render.ts";
export { VERSION } from "./lib/version.ts";

/** A pipeline: the path of its file, or its text. */
export type PipelineText = string | URL | {
  readonly text: string;
  /** What diagnostics and the plan call it, and where relative paths in it start. @default {"pipeline.yaml"} */
  readonly path?: string;
};

/** Name of a pipeline that is given as text alone. */
const UNNAMED = "pipeline.yaml";

/**
 * Parses the text of a pipeline: YAML 1.2, of which JSON is a part. Pure: reads no file and knows no catalog.
 *
 * @param options `path` is what diagnostics call the text; it names a pipeline that has no name.
 * @returns The normalized pipeline with its cells, unless an error stands among the diagnostics.
 */
export function parse(
  text: string,
  options: { readonly path?: string } = {},
): Outcome<ParsedPipeline> {
  return parsePipeline({ text, path: options.path ?? UNNAMED });
}

/**
 * Looks for mistakes that the pipeline alone shows, without the catalog.
 *
 * @param pipeline A path needs read permission for that file.
 * @returns Everything that is wrong or worth knowing, in the order of the file; empty for a clean file.
 */
export function check(pipeline: PipelineText): readonly Diagnostic[] {
  return read(pipeline).diagnostics;
}

/**
 * Predicts every cell of a pipeline: memory by device and phase, time, the verdict and what would be launched.
 *
 * Needs read permission for the pipeline, for the model folder that it names, and for the worker scripts of this
 * package, whose text is a part of every cell's key.
 *
 * @param options What is to be decided otherwise than the pipeline and the disk decide it.
 * @returns The plan, unless an error stands among the diagnostics.
 */
export async function plan(
  pipeline: PipelineText,
  options: PlanOptions = {},
): Promise<Outcome<Plan>> {
  const { plan: value, diagnostics } = await makePlan(read(pipeline), options);
  return { diagnostics, ...(value === undefined ? {} : { value }) };
}

/**
 * Runs a plan on this host: prepares the Python environment and the weights where they are missing, launches the
 * workers session by session, and writes the run folder. What a cell met (out of memory, a crash, a timeout) is its
 * `status`, not a diagnostic.
 *
 * Needs every permission. A run never throws for what the host lacks.
 *
 * @param options What is to be decided otherwise than the plan decides it, and whom to tell.
 * @returns Predicted beside measured, or the diagnostics that say why nothing was launched.
 */
export async function run(plan: Plan, options: RunOptions = {}): Promise<Outcome<Results>> {
  // Loaded here because planning needs neither processes nor templates.
  const engine = await import("./lib/run/run.ts");
  return await engine.run(plan, options);
}

/**
 * Diagnostics as text for people, as the command line prints them: with an excerpt where the text is at hand.
 *
 * @param pipeline What the diagnostics are about; it is read again for the excerpts.
 */
export function renderDiagnostics(
  diagnostics: readonly Diagnostic[],
  pipeline?: PipelineText,
): string {
  return renderText(
    diagnostics,
    pipeline === undefined ? {} : { source: sourceOf(read(pipeline)) },
  );
}

function read(pipeline: PipelineText): PipelineInput {
  if (typeof pipeline === "string") return readPipeline(pipeline);
  if (pipeline instanceof URL) return readPipeline(fileURLToPath(pipeline));
  return parseText(pipeline.text, pipeline.path ?? UNNAMED);
}
