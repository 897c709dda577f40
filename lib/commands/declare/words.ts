/** What the declarations of the commands share: flags, the options that several have, and the shape of a help page. */
import { type Command, InvalidArgumentError, Option } from "../commander.ts";
import { suggest } from "../../diagnostics/suggest.ts";
import { type CommonSettings, FORMATS, type OutputSettings } from "../settings.ts";
import type { ColorChoice } from "../terminal.ts";

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
  verifyOom?: boolean;
  rerun?: string;
  fresh?: boolean;
  allowCommands?: boolean;
  findLimit?: boolean;
  json?: boolean;
  timeLimit?: number;
  sessionTimeLimit?: number;
  failOn?: "mismatch";
  calibration?: string;
  device?: boolean;
  tensorParallel?: number;
}

/** Runs one command with what its words came to. @returns The exit code. */
export type Run = (
  common: CommonSettings,
  operands: readonly string[],
  flags: Flags,
) => number | Promise<number>;

/** Makes of a `Run` what commander calls. */
export type Action = (run: Run) => (...parameters: unknown[]) => Promise<void>;

/** Adds one command to the program. */
export type Declare = (program: Command, action: Action) => void;

/** What a help page says beside its arguments and options. */
export interface Page {
  /** For the list of commands: a phrase. */
  readonly summary: string;
  /** Sentences. */
  readonly description: string;
  /** Lines to type, each with what it does: a phrase that a colon may follow. */
  readonly examples: readonly (readonly [line: string, what: string])[];
}

/** A new command with its page. */
export function command(program: Command, name: string, page: Page): Command {
  return program.command(name)
    .summary(page.summary)
    .description(page.description)
    .addHelpText("after", () => renderExamples(page.examples))
    .helpOption("-h, --help", "print help")
    .showHelpAfterError(`See: stowage ${name} --help`);
}

function renderExamples(examples: Page["examples"]): string {
  const lines = examples.map(([line, what]) => `  ${what}:\n    ${line}`);
  return `\nExamples:\n${lines.join("\n")}`;
}

/** `--format` of the commands that print a table. */
export function formatOption(): Option {
  return new Option("--format <format>", "how to print").choices([...FORMATS]).default("table");
}

/** `--format` of the commands that print sentences. */
export function plainFormatOption(): Option {
  return new Option("--format <format>", "how to print").choices(["table", "json"])
    .default("table");
}

/** `--output`. */
export function outputOption(): Option {
  return new Option("--output <file>", "write what is printed to a file instead of stdout");
}

/** What both options come to. */
export function output(
  { format = "table", output: file }: Flags,
): Pick<OutputSettings, "format" | "output"> {
  return { format, ...(file === undefined ? {} : { output: file }) };
}

/** Keeps the flags that were given: an absent key is not the same as one without a value. */
export function given<T extends Readonly<Record<string, unknown>>>(
  flags: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(flags).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

/** The words of a variadic argument, which commander hands over as one operand. */
export function variadic(operand: unknown): readonly string[] {
  return Array.isArray(operand)
    ? operand.map(String)
    : operand === undefined
    ? []
    : [String(operand)];
}

/** A parser of an argument that is one of a few words. */
export function oneOf(words: readonly string[]): (value: string) => string {
  return (value) => {
    if (words.includes(value)) return value;
    const near = suggest(value, words);
    const choices = `The choices are ${words.join(", ")}.`;
    throw new InvalidArgumentError(near ? `Did you mean ${near}? ${choices}` : choices);
  };
}
