/** `run FILE`: plans, runs and compares. */
import { hasErrors } from "../diagnostics/diagnostic.ts";
import type { PredictedOom } from "../plan/selection.ts";
import type { Plan } from "../plan/plan.ts";
import { oomAgreement } from "../report/agreement.ts";
import { progressLine } from "../report/progress.ts";
import { renderPlan, renderResults } from "../report/render.ts";
import { isFailure } from "../report/results_view.ts";
import type { Results } from "../run/results.ts";
import { run } from "../run/run.ts";
import { talkDiagnostics } from "./failures.ts";
import { readPipeline, sourceOf } from "./input.ts";
import { makePlan } from "./make_plan.ts";
import { putOut } from "./output.ts";
import { looksLikePlan, readSavedPlan } from "./saved_plan.ts";
import { EXIT, type OutputSettings } from "./settings.ts";
import { stackChoice } from "./stack_choice.ts";

/** Flags of `run`. */
export interface RunSettings extends OutputSettings {
  /** Path of a pipeline file or of a saved plan. */
  readonly file: string;
  readonly outDir: string;
  readonly python?: string;
  /** Name of a stack, or `detected`. */
  readonly stack?: string;
  readonly torchIndex?: string;
  readonly predictedOom?: PredictedOom;
  /** Exit 1 when a prediction of OOM was wrong. */
  readonly failOnMismatch: boolean;
}

/** @returns 0, 1 when a cell failed, 2 when nothing could be launched, 130 or 143 when it was interrupted. */
export async function runCommand(settings: RunSettings): Promise<number> {
  const { terminal, format } = settings;
  const plan = await preparePlan(settings);
  if (plan === undefined) return EXIT.usage;
  terminal.talk(renderPlan(plan, "table"));

  const interrupt = listenForSignals();
  try {
    const { value: results, diagnostics } = await run(plan, {
      outDir: settings.outDir,
      ...(settings.python === undefined ? {} : { python: settings.python }),
      ...(settings.torchIndex === undefined ? {} : { torchIndex: settings.torchIndex }),
      ...(settings.predictedOom === undefined ? {} : { predictedOom: settings.predictedOom }),
      signal: interrupt.signal,
      onProgress(progress) {
        const line = progressLine(progress);
        if (line !== undefined) terminal.talk(line);
      },
    });
    talkDiagnostics(diagnostics, { terminal });
    if (results === undefined) return interrupt.exitCode() ?? EXIT.usage;
    putOut(renderResults(results, format), settings);
    terminal.talk(`Wrote ${results.run.folder}/results.{json,csv,md}`);
    return interrupt.exitCode() ?? exitCodeOf(results, settings);
  } finally {
    interrupt.close();
  }
}

function exitCodeOf({ cells }: Results, { failOnMismatch }: RunSettings): number {
  if (cells.some(isFailure)) return EXIT.failed;
  return failOnMismatch && oomAgreement(cells).disagreeing.length > 0 ? EXIT.failed : EXIT.done;
}

/** The plan to run, or undefined when what is wrong has been said. */
async function preparePlan(settings: RunSettings): Promise<Plan | undefined> {
  const { terminal, file, python } = settings;
  if (looksLikePlan(file)) return readSavedPlan(file);
  const input = readPipeline(file);
  const parsedPython = input.parsed?.pipeline.environment.python;
  const choice = await stackChoice(settings.stack, python ?? parsedPython);
  const { plan, diagnostics } = await makePlan(input, {
    ...(python === undefined ? {} : { python }),
    ...choice.versions,
  });
  const told = diagnostics.filter(({ severity }) => settings.verbose || severity !== "info");
  talkDiagnostics(told, { terminal, source: sourceOf(input) });
  if (plan === undefined || hasErrors(diagnostics)) return undefined;
  return choice.detected
    ? { ...plan, stack: { ...plan.stack, name: "detected", runnable: true } }
    : plan;
}

/**
 * The first signal asks the run to end in order; a second one ends this process at once, and the workers with it,
 * because their stdin closes.
 */
function listenForSignals(): {
  readonly signal: AbortSignal;
  exitCode(): number | undefined;
  close(): void;
} {
  const controller = new AbortController();
  let code: number | undefined;
  function listener(exitCode: number): () => void {
    return () => {
      if (code !== undefined) Deno.exit(exitCode);
      code = exitCode;
      controller.abort();
    };
  }
  const onInterrupt = listener(EXIT.interrupted);
  const onTerminate = listener(EXIT.terminated);
  Deno.addSignalListener("SIGINT", onInterrupt);
  Deno.addSignalListener("SIGTERM", onTerminate);
  return {
    signal: controller.signal,
    exitCode: () => code,
    close() {
      Deno.removeSignalListener("SIGINT", onInterrupt);
      Deno.removeSignalListener("SIGTERM", onTerminate);
    },
  };
}
