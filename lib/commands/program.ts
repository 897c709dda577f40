/** The words of the command line: every command with its arguments and options, as commander reads them. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { suggest } from "../diagnostics/suggest.ts";
import { VERSION } from "../version.ts";
import { type CommonSettings, FORMATS, type OutputSettings } from "./settings.ts";
import type { ColorChoice } from "./terminal.ts";

/** Values as commander collects them: global flags and those of the command. */
export interface Flags {
  color: ColorChoice;
  quiet?: boolean;
  verbose?: boolean;
  debug?: boolean;
  format?: OutputSettings["format"];
  output?: string;
  out?: string;
  outDir?: string;
  detailedExitcode?: boolean;
  python?: string;
  torchIndex?: string;
  stack?: string;
  predictedOom?: "skip" | "run" | "only";
  failOn?: "mismatch";
  write?: string;
}

/** Runs one command with what its words came to. @returns The exit code. */
export type Run = (common: CommonSettings, operands: string[], flags: Flags) => Promise<number>;

/** Makes of a `Run` what commander calls. */
export type Action = (run: Run) => () => Promise<void>;

/** Declares everything on an empty program. */
export function declareProgram(program: Command, action: Action): void {
  declareGlobals(program);
  declareCommands(program, action);
}

function declareGlobals(program: Command): void {
  program
    .description(
      "Plan what fits before you load it: predict, run and compare ways to serve a large model.",
    )
    .version(VERSION, "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .addOption(
      new Option("--color <when>", "colour the output").choices(["auto", "always", "never"])
        .default("auto"),
    )
    .option("-q, --quiet", "say nothing on stderr but errors")
    .option("-v, --verbose", "say more on stderr")
    .option("--debug", "show stack traces of failures")
    .exitOverride()
    .showSuggestionAfterError()
    .addHelpText("after", () => EPILOG);
}

const EPILOG = `
A pipeline file as the only argument is run: "stowage FILE" is "stowage run FILE".

Exit codes: 0 done (an OOM, predicted or measured, is a result); 1 a cell failed; 2 bad usage or input;
3 an OOM is predicted (plan --detailed-exitcode); 101 a bug of Stowage; 130 or 143 interrupted.`;

function declareCommands(program: Command, action: Action): void {
  const formatOption = () =>
    new Option("--format <format>", "how to print").choices([...FORMATS]).default("table");

  program.command("run").description("run the cells of a pipeline or of a saved plan, and compare")
    .argument("<file>", "pipeline (YAML or JSON), or plan.json")
    .option("--out-dir <dir>", "folder for run folders", "runs")
    .option("--python <path>", "interpreter that has the stack already")
    .option("--stack <name>", 'plan for this stack; "detected" takes the versions of --python')
    .option("--torch-index <url>", "package index to take torch from, such as a CPU-only one")
    .addOption(
      new Option("--predicted-oom <action>", "what to do with cells predicted to run out of memory")
        .choices(["skip", "run", "only"]),
    )
    .addOption(
      new Option("--fail-on <condition>", "exit 1 when a prediction of OOM was wrong").choices([
        "mismatch",
      ]),
    )
    .addOption(formatOption())
    .action(action(async (common, [file], flags) => {
      const { runCommand } = await import("./run.ts");
      return runCommand({ ...common, ...output(flags), ...pick(flags), file: file ?? "" });
    }));

  program.command("plan").description("predict every cell; needs no GPU, no Python and no network")
    .argument("<file>", "pipeline (YAML or JSON)")
    .option("--out <file>", "save the plan, for run to execute exactly")
    .option("--output <file>", "write what is printed to a file")
    .option("--detailed-exitcode", "exit 3 when a cell is predicted to run out of memory")
    .addOption(formatOption())
    .action(action(async (common, [file], flags) => {
      const { planCommand } = await import("./plan.ts");
      return planCommand({
        ...common,
        ...output(flags),
        file: file ?? "",
        detailedExitcode: flags.detailedExitcode ?? false,
        ...(flags.out === undefined ? {} : { out: flags.out }),
      });
    }));

  program.command("check").description("check a pipeline file for mistakes")
    .argument("<file>", "pipeline (YAML or JSON)")
    .addOption(new Option("--format <format>", "how to print").choices(["table", "json"]))
    .action(action(async (common, [file], flags) => {
      const { checkCommand } = await import("./check.ts");
      return checkCommand({ ...common, file: file ?? "", json: flags.format === "json" });
    }));

  program.command("explain").description(
    "explain a diagnostic code, a behaviour of a library, or a cell of a pipeline",
  )
    .argument(
      "<code-or-file>",
      "code such as STW104, behaviour such as safetensors-mapped, or a pipeline file",
    )
    .argument("[cell]", "cell id, as plan prints it")
    .action(action(async (common, [subject, cell]) => {
      const { explainCommand } = await import("./explain.ts");
      return explainCommand({ ...common, subject: subject ?? "", ...(cell ? { cell } : {}) });
    }));

  program.command("report").description("print the tables of a run again")
    .argument("<run>", "run folder")
    .option("--output <file>", "write what is printed to a file")
    .addOption(formatOption())
    .action(action(async (common, [folder], flags) => {
      const { reportCommand } = await import("./report.ts");
      return reportCommand({ ...common, ...output(flags), folder: folder ?? "" });
    }));

  program.command("ls").description("list what the catalog knows")
    .argument("<what>", "models, hardware or stacks", oneOf(["models", "hardware", "stacks"]))
    .addOption(formatOption())
    .action(action(async (common, [what], flags) => {
      const { listCommand } = await import("./list.ts");
      return listCommand({ ...common, ...output(flags), what: what as "models" });
    }));

  program.command("schema").description("print the JSON Schema of a pipeline file")
    .action(action(async (common) => {
      const { schemaCommand } = await import("./schema.ts");
      return schemaCommand(common);
    }));

  program.command("doctor").description("say what is there on this host and what is missing")
    .option("--python <path>", "interpreter to look at")
    .addOption(new Option("--format <format>", "how to print").choices(["table", "json"]))
    .action(action(async (common, _operands, flags) => {
      const { doctorCommand } = await import("./doctor.ts");
      return doctorCommand({
        ...common,
        json: flags.format === "json",
        ...(flags.python === undefined ? {} : { python: flags.python }),
      });
    }));
}

/** Options of run that stand for themselves. */
function pick({ outDir = "runs", python, stack, torchIndex, predictedOom, failOn }: Flags) {
  return {
    outDir,
    failOnMismatch: failOn === "mismatch",
    ...(python === undefined ? {} : { python }),
    ...(stack === undefined ? {} : { stack }),
    ...(torchIndex === undefined ? {} : { torchIndex }),
    ...(predictedOom === undefined ? {} : { predictedOom }),
  };
}

function output({ format = "table", output }: Flags): Pick<OutputSettings, "format" | "output"> {
  return { format, ...(output === undefined ? {} : { output }) };
}

function oneOf(words: readonly string[]): (value: string) => string {
  return (value) => {
    if (words.includes(value)) return value;
    const near = suggest(value, words);
    throw new InvalidArgumentError(near ? `Did you mean ${near}?` : `One of: ${words.join(", ")}.`);
  };
}
