/** `plan FILE`: predicts every cell. */
import { quote } from "../diagnostics/quote.ts";
import type { Plan } from "../plan/plan.ts";
import { predictsOom } from "../plan/selection.ts";
import { renderJson, renderPlan } from "../report/render.ts";
import { talkDiagnostics } from "./failures.ts";
import { type PipelineInput, readPipeline, sourceOf } from "./input.ts";
import { makePlan, type PlanSources } from "./make_plan.ts";
import { putOut, writeFile } from "./output.ts";
import { calibrationLookup } from "./own_calibration.ts";
import { EXIT, type OutputSettings } from "./settings.ts";

/** Flags of `plan`. */
export interface PlanSettings extends OutputSettings {
  /** Path of the pipeline file. */
  readonly file: string;
  /** File that the plan is saved to, for `run` to execute. */
  readonly out?: string;
  /** Name of a stack instead of the pipeline's, or `detected`. */
  readonly stack?: string;
  /** Interpreter that a run would use. */
  readonly python?: string;
  /** File of speed constants that calibrate has written. */
  readonly calibration?: string;
  /** Exit 3 when a cell is predicted to run out of memory. */
  readonly detailedExitcode: boolean;
}

/** @returns 0, 2 when the pipeline has a mistake, or 3 as `detailedExitcode` asks. */
export async function planCommand(settings: PlanSettings): Promise<number> {
  const { terminal, verbose, format, out } = settings;
  const input = readPipeline(settings.file);
  const { plan, diagnostics } = await makePlan(input, await planOptions(input, settings));
  // Notes are part of the printed plan; what has to be mended is said in any case.
  const told = diagnostics.filter(({ severity }) => verbose || severity !== "info");
  talkDiagnostics(told, { terminal, source: sourceOf(input) });
  if (plan === undefined) return EXIT.usage;
  if (out !== undefined) writeFile(out, renderJson(plan), { terminal });
  const width = settings.output === undefined ? terminal.width : undefined;
  putOut(renderPlan(plan, format, width), settings);
  if (width !== undefined && format === "table") hint(plan, settings);
  const oom = plan.cells.some(({ prediction }) => prediction.verdict === "oom");
  return oom && settings.detailedExitcode ? EXIT.predictedOom : EXIT.done;
}

/** On a terminal: the commands that go on from cells that do not fit. */
function hint({ cells }: Plan, { file, terminal }: PlanSettings): void {
  const [cell] = cells.filter(predictsOom);
  if (cell === undefined) return;
  const path = word(file);
  terminal.talk(
    `What fills a cell: stowage explain ${path} ${word(cell.id)}\n` +
      `What would make it fit: stowage suggest ${path}`,
  );
}

/** A word of a command line as it may be typed. */
function word(text: string): string {
  return /^[\w./=,:-]+$/.test(text) ? text : quote(text, text.length);
}

async function planOptions(
  { parsed }: PipelineInput,
  { stack, python, calibration, terminal }: PlanSettings,
): Promise<PlanSources> {
  const interpreter = {
    ...(python === undefined ? {} : { python }),
    calibrationOf: calibrationLookup(calibration, terminal),
  };
  if (stack === undefined) return interpreter;
  const { stackChoice } = await import("./stack_choice.ts");
  const { versions } = await stackChoice(stack, python ?? parsed?.pipeline.environment.python);
  return { ...interpreter, ...versions };
}
