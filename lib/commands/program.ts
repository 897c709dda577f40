/** The words of the command line: every command with its arguments and options, as commander reads them. */
import { type Command, Option } from "./commander.ts";
import { VERSION } from "../version.ts";
import { declareCalibrate } from "./declare/calibrate.ts";
import { declareCheck } from "./declare/check.ts";
import { declareCompletions } from "./declare/completions.ts";
import { declareDoctor } from "./declare/doctor.ts";
import { declareExplain } from "./declare/explain.ts";
import { declareLs } from "./declare/ls.ts";
import { declarePlan } from "./declare/plan.ts";
import { declareReport } from "./declare/report.ts";
import { declareResume } from "./declare/resume.ts";
import { declareRun } from "./declare/run.ts";
import { declareShard } from "./declare/shard.ts";
import { declareSchema } from "./declare/schema.ts";
import { declareSuggest } from "./declare/suggest.ts";
import { declareValidate } from "./declare/validate.ts";
import type { Action, Declare } from "./declare/words.ts";

/** In the order in which help lists them. */
const DECLARATIONS: readonly Declare[] = [
  declareRun,
  declareResume,
  declarePlan,
  declareCheck,
  declareExplain,
  declareReport,
  declareSuggest,
  declareValidate,
  declareCalibrate,
  declareShard,
  declareLs,
  declareSchema,
  declareDoctor,
  declareCompletions,
];

const DESCRIPTION =
  "Plan what fits before you load it: predict, run and compare ways to serve a large model.\n\n" +
  "A pipeline file names a model, the hardware, the strategies and a grid of batches. Every cell of that grid is " +
  "predicted (does it fit, what limits it, how fast is it), then run on real workers, and both are compared.";

const EPILOG = `
Examples:
  Run a pipeline on this host ("run" may be left out):
    stowage pipelines/tiny.yaml
  Predict it anywhere:
    stowage plan pipelines/bloom.yaml
  See what plan can do:
    stowage help plan

Exit codes:
  0         done; an out-of-memory, predicted or measured, is a result
  1         finished, but a cell failed
  2         bad usage, pipeline or input
  3         a cell is predicted to run out of memory (plan --detailed-exitcode)
  101       a bug of Stowage
  130, 143  interrupted

Data goes to stdout, everything else to stderr. NO_COLOR and FORCE_COLOR are honoured.`;

/** Declares everything on an empty program. */
export function declareProgram(program: Command, action: Action): void {
  program
    .description(DESCRIPTION)
    .usage("[options] <file> | <command>")
    .version(VERSION, "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand("help [command]", "print help for a command")
    .addOption(
      new Option("--color <when>", "colour the output").choices(["auto", "always", "never"])
        .default("auto"),
    )
    .option("-q, --quiet", "say nothing on stderr but errors")
    .option("-v, --verbose", "say more on stderr")
    .option("--debug", "show stack traces of failures")
    .exitOverride()
    .showSuggestionAfterError()
    .showHelpAfterError("See: stowage --help")
    .configureHelp({ showGlobalOptions: true })
    .addHelpText("after", () => EPILOG);
  for (const declare of DECLARATIONS) declare(program, action);
}
