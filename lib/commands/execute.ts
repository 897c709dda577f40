/** Runs a plan for the commands that do, and tells of it: `run` and `resume`. */
import { DiagnosticError } from "../diagnostics/diagnostic.ts";
import { cellUnknown } from "../diagnostics/messages/run.ts";
import { quote } from "../diagnostics/quote.ts";
import { suggest } from "../diagnostics/suggest.ts";
import type { Plan } from "../plan/plan.ts";
import { oomAgreement } from "../report/agreement.ts";
import { renderLimits } from "../report/limits_view.ts";
import { firstEvent, jsonEvent } from "../report/json_events.ts";
import { resultsParts } from "../report/render.ts";
import { isFailure } from "../report/results_view.ts";
import type { Rerun } from "../run/decide.ts";
import { MANY_RESULTS, renderApart } from "../run/report_apart.ts";
import type { Results } from "../run/results.ts";
import { run, type RunOptions } from "../run/run.ts";
import { talkDiagnostics } from "./failures.ts";
import { type Interrupt, listenForSignals } from "./interrupt.ts";
import { type Display, lineDisplay, liveDisplay } from "./live.ts";
import { putOut } from "./output.ts";
import { EXIT, type Format, type OutputSettings } from "./settings.ts";

/** Flags that `run` and `resume` share. */
export interface ExecuteSettings extends OutputSettings {
  /** Exit 1 when a prediction of OOM was wrong. */
  readonly failOnMismatch: boolean;
  /** Print what happens as JSON lines on stdout, instead of the results. */
  readonly json?: boolean;
  /** Most seconds of the whole run; what is left then can be resumed. */
  readonly timeLimitSeconds?: number;
  /** Most seconds of one session. */
  readonly sessionTimeLimitSeconds?: number;
}

/** @returns 0, 1 when a cell failed, 2 when nothing could be launched, 130 or 143 when it was interrupted. */
export async function execute(
  plan: Plan,
  options: RunOptions,
  settings: ExecuteSettings,
): Promise<number> {
  const { terminal, timeLimitSeconds, sessionTimeLimitSeconds } = settings;
  const interrupt = listenForSignals({
    onFirst: (name) => terminal.talk(`${name}: ending the session; once more to kill it`),
    ...(timeLimitSeconds === undefined ? {} : { limitSeconds: timeLimitSeconds }),
  });
  const display = displayOf(plan, settings);
  try {
    const { value: results, diagnostics } = await run(plan, {
      ...options,
      ...(sessionTimeLimitSeconds === undefined ? {} : { sessionSeconds: sessionTimeLimitSeconds }),
      signal: interrupt.signal,
      onProgress: (progress) => display.show(progress),
    });
    display.close();
    talkDiagnostics(diagnostics, { terminal });
    if (results === undefined) return interrupt.exitCode() ?? EXIT.usage;
    if (settings.json) {
      terminal.write(JSON.stringify({ event: "results", folder: results.run.folder }));
    } else {
      show(results, settings);
    }
    if (results.run.interrupted) terminal.talk(goOn(results, interrupt));
    return interrupt.exitCode() ?? exitCodeOf(results, settings);
  } finally {
    display.close();
    interrupt.close();
  }
}

/** Where what happens is shown: as JSON on stdout, live on a terminal, else line by line. */
function displayOf(plan: Plan, { terminal, json }: ExecuteSettings): Display {
  if (!json) return terminal.isLive ? liveDisplay(terminal, plan) : lineDisplay(terminal);
  terminal.write(JSON.stringify(firstEvent()));
  return {
    show(progress) {
      const event = jsonEvent(progress);
      if (event !== undefined) terminal.write(JSON.stringify(event));
    },
    close() {},
  };
}

function show(results: Results, settings: ExecuteSettings): void {
  const { limits, run: { folder } } = results;
  const { format, terminal } = settings;
  putOut(limits === undefined ? partsOf(results, format) : renderLimits(limits, format), settings);
  terminal.talk(`Wrote ${folder}/results.{json,csv,md}`);
}

function partsOf(results: Results, format: Format): Iterable<string> {
  const isLarge = results.cells.length > MANY_RESULTS;
  const text = isLarge ? renderApart(results.run.folder, format) : null;
  return text === null ? resultsParts(results, format) : [text];
}

/** What to type to get the rest. */
function goOn({ cells, run: { folder } }: Results, { isTimeUp }: Interrupt): string {
  const left = cells.filter(({ status }) => status === "interrupted").length;
  const why = isTimeUp() ? "the time is up" : "interrupted";
  return `${why}, ${left} of ${cells.length} cells left; go on with: stowage resume ${
    quote(folder, 1000)
  }`;
}

function exitCodeOf(
  { cells, limits, run: { interrupted } }: Results,
  { failOnMismatch }: ExecuteSettings,
): number {
  if (limits?.some(({ problem }) => problem !== undefined)) return EXIT.failed;
  if (interrupted || cells.some(isFailure)) return EXIT.failed;
  return failOnMismatch && oomAgreement(cells).disagreeing.length > 0 ? EXIT.failed : EXIT.done;
}

/** The meaning of `--rerun`. Throws DiagnosticError (STW515) for a word that is no cell of the plan. */
export function rerunOf(word: string, { cells }: Plan): Rerun {
  if (word === "all" || word === "failed") return word;
  const ids = cells.map(({ id }) => id);
  if (ids.includes(word)) return { cellId: word };
  const near = suggest(word, ["all", "failed", ...ids]);
  throw new DiagnosticError([
    cellUnknown({ word, ...(near === undefined ? {} : { suggestion: near }) }),
  ]);
}
