/** `run FILE`: plans, runs and compares. */
import { DiagnosticError, hasErrors } from "../diagnostics/diagnostic.ts";
import { planRunsCommands } from "../diagnostics/messages/script.ts";
import type { PredictedOom } from "../plan/selection.ts";
import type { Plan } from "../plan/plan.ts";
import { renderPlan } from "../report/render.ts";
import { execute, type ExecuteSettings, rerunOf } from "./execute.ts";
import { talkDiagnostics } from "./failures.ts";
import { type PipelineInput, readPipeline, sourceOf } from "./input.ts";
import type { PlanOptions } from "./make_plan.ts";
import { MANY_CELLS, planApart, type PlannedApart } from "./plan_apart.ts";
import { looksLikePlan, readSavedPlan } from "./saved_plan.ts";
import { EXIT, type Format } from "./settings.ts";
import { stackChoice } from "./stack_choice.ts";

/** Flags of `run`. */
export interface RunSettings extends ExecuteSettings {
  /** Path of a pipeline file or of a saved plan. */
  readonly file: string;
  readonly outDir: string;
  readonly python?: string;
  /** Name of a stack, or `detected`. */
  readonly stack?: string;
  readonly torchIndex?: string;
  readonly predictedOom?: PredictedOom;
  /** `failed`, `all` or the id of a cell. */
  readonly rerun?: string;
  /** File of speed constants that calibrate has written. */
  readonly calibration?: string;
  /** Whether a saved plan may start commands of its own. */
  readonly allowCommands?: boolean;
  /** Search the largest batches instead of running the cells. */
  readonly findLimit?: boolean;
}

/** @returns 0, 1 when a cell failed, 2 when nothing could be launched, 130 or 143 when it was interrupted. */
export async function runCommand(settings: RunSettings): Promise<number> {
  const plan = await preparePlan(settings);
  if (plan === undefined) return EXIT.usage;
  return await execute(plan, {
    outDir: settings.outDir,
    findLimit: settings.findLimit ?? false,
    ...(settings.rerun === undefined ? {} : { rerun: rerunOf(settings.rerun, plan) }),
    ...(settings.python === undefined ? {} : { python: settings.python }),
    ...(settings.torchIndex === undefined ? {} : { torchIndex: settings.torchIndex }),
    ...(settings.predictedOom === undefined ? {} : { predictedOom: settings.predictedOom }),
  }, settings);
}

/** A plan may come from elsewhere: what it would start beside the workers has to be allowed. */
function refuseCommands({ cells }: Plan): void {
  const commands = new Set(
    cells.flatMap(({ strategy }) => strategy.use === "script" ? [strategy.command.join(" ")] : []),
  );
  if (commands.size > 0) throw new DiagnosticError([planRunsCommands({ commands: [...commands] })]);
}

/** The plan comes first: to people with the results, to programs, who want these alone, on stderr. Null: to nobody. */
function shownFormat(settings: RunSettings): Format | null {
  if (isForPeople(settings)) return settings.format;
  return settings.terminal.isQuiet ? null : "table";
}

function isForPeople({ format, output, json }: RunSettings): boolean {
  return !json && output === undefined && (format === "table" || format === "markdown");
}

function widthFor(settings: RunSettings): number | undefined {
  return isForPeople(settings) ? settings.terminal.width : undefined;
}

function show(text: string, settings: RunSettings): void {
  if (isForPeople(settings)) settings.terminal.write(text);
  else settings.terminal.talk(text);
}

/** The plan to run, which has been shown; undefined when what is wrong has been said. */
async function preparePlan(settings: RunSettings): Promise<Plan | undefined> {
  const { terminal, file, python } = settings;
  if (looksLikePlan(file)) {
    const { plan, diagnostics } = await readSavedPlan(file);
    if (!settings.allowCommands) refuseCommands(plan);
    talkDiagnostics(diagnostics, { terminal });
    const format = shownFormat(settings);
    if (format !== null) show(renderPlan(plan, format, widthFor(settings)), settings);
    return plan;
  }
  const input = readPipeline(file, MANY_CELLS);
  const parsedPython = input.parsed?.pipeline.environment.python;
  const choice = await stackChoice(settings.stack, python ?? parsedPython);
  const asked = {
    ...(python === undefined ? {} : { python }),
    ...choice.versions,
  };
  const { plan, text, diagnostics } = input.parsed?.hasMore === true
    ? await planApart({
      file,
      ...asked,
      ...(settings.calibration === undefined ? {} : { calibration: settings.calibration }),
      format: shownFormat(settings),
    })
    : await planHere(input, asked, settings);
  const told = diagnostics.filter(({ severity }) => settings.verbose || severity !== "info");
  talkDiagnostics(told, { terminal, source: sourceOf(input) });
  if (plan === undefined || hasErrors(diagnostics)) return undefined;
  if (text !== undefined) show(text, settings);
  return choice.detected
    ? { ...plan, stack: { ...plan.stack, name: "detected", runnable: true } }
    : plan;
}

async function planHere(
  input: PipelineInput,
  asked: PlanOptions,
  settings: RunSettings,
): Promise<PlannedApart> {
  const { makePlan } = await import("./make_plan.ts");
  const { calibrationLookup } = await import("./own_calibration.ts");
  const { plan, diagnostics } = await makePlan(input, {
    ...asked,
    calibrationOf: calibrationLookup(settings.calibration, settings.terminal),
  });
  const format = shownFormat(settings);
  if (plan === undefined || format === null) {
    return { diagnostics, ...(plan === undefined ? {} : { plan }) };
  }
  return { plan, diagnostics, text: renderPlan(plan, format, widthFor(settings)) };
}
