/** The two streams of a command: data to stdout, talk to stderr. */
import { reasonOf } from "../catalog/json_file.ts";
import { DiagnosticError } from "../diagnostics/diagnostic.ts";
import { outputUnwritable } from "../diagnostics/messages/input.ts";

/** Values of `--color`. */
export type ColorChoice = "auto" | "always" | "never";

/** Flags that decide how a command speaks. */
export interface TerminalSettings {
  readonly color: ColorChoice;
  /** Say nothing on stderr but errors. */
  readonly quiet: boolean;
}

/** Where a command speaks. */
export interface Terminal {
  /** Data. */
  write(text: string): void;
  /** Progress, warnings, diagnostics; silent under `--quiet` unless told `always`. */
  talk(text: string, options?: { readonly always?: boolean }): void;
  /** Whether what is said is not heard, so that nothing has to be made for it. */
  readonly isQuiet: boolean;
  readonly color: { readonly stdout: boolean; readonly stderr: boolean };
  /** Whether what is said may be overwritten: a terminal that is neither dumb nor a CI's. */
  readonly isLive: boolean;
  /** Width to wrap help at. */
  readonly columns: number;
  /** Width of the terminal that data goes to; absent where it goes to a file or a pipe. */
  readonly width?: number;
}

const encoder = new TextEncoder();

/** The real streams. An explicit choice of colour beats NO_COLOR, which beats FORCE_COLOR, which beats the terminal test. */
export function realTerminal(settings: TerminalSettings): Terminal {
  function wanted(stream: { isTerminal(): boolean }): boolean {
    if (settings.color !== "auto") return settings.color === "always";
    if (environment("NO_COLOR") || Deno.noColor && !environment("FORCE_COLOR")) return false;
    if (environment("FORCE_COLOR")) return true;
    return stream.isTerminal() && environment("TERM") !== "dumb";
  }
  return {
    write(text) {
      const error = writeAll(Deno.stdout, text);
      if (error === undefined) return;
      throw new DiagnosticError([outputUnwritable({ path: "stdout", reason: reasonOf(error) })]);
    },
    talk(text, options) {
      // Nobody is left to be told that it cannot be said.
      if (!settings.quiet || options?.always) writeAll(Deno.stderr, text);
    },
    isQuiet: settings.quiet,
    color: { stdout: wanted(Deno.stdout), stderr: wanted(Deno.stderr) },
    isLive: !settings.quiet && Deno.stderr.isTerminal() && environment("TERM") !== "dumb" &&
      !environment("CI"),
    columns: columns(),
    ...(Deno.stdout.isTerminal() ? { width: columns() } : {}),
  };
}

/**
 * A closed pipe (`| head`) ends the reader's interest, not the command.
 *
 * @returns What else keeps the text from being written, such as a full disk behind `> file`.
 */
function writeAll(
  stream: { writeSync(data: Uint8Array): number },
  text: string,
): unknown {
  let rest = encoder.encode(text.endsWith("\n") || text === "" ? text : `${text}\n`);
  try {
    while (rest.length > 0) rest = rest.subarray(stream.writeSync(rest));
    return undefined;
  } catch (error) {
    return error instanceof Deno.errors.BrokenPipe ? undefined : error;
  }
}

/** A variable of the environment; undefined where reading it is not permitted. */
export function environment(name: string): string | undefined {
  try {
    return Deno.env.get(name);
  } catch {
    return undefined;
  }
}

/** Where there is no terminal. */
const NO_WIDTH = 100;

function columns(): number {
  try {
    return Deno.consoleSize().columns || NO_WIDTH; // some pseudo-terminals say 0
  } catch {
    return NO_WIDTH;
  }
}
