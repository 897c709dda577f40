/** From argv to an exit code: reads the flags, runs one command, and turns every failure into words. */
import { Command, CommanderError } from "./commander.ts";
import { reasonOf } from "../catalog/json_file.ts";
import { DiagnosticError } from "../diagnostics/diagnostic.ts";
import { permissionMissing } from "../diagnostics/messages/input.ts";
import { escapeUnsafe } from "../diagnostics/quote.ts";
import { suggest } from "../diagnostics/suggest.ts";
import { reportBug, talkDiagnostics } from "./failures.ts";
import type { Flags, Run } from "./declare/words.ts";
import { declareProgram } from "./program.ts";
import { EXIT } from "./settings.ts";
import { realTerminal, type Terminal, type TerminalSettings } from "./terminal.ts";

/**
 * Runs the command line.
 *
 * @param openTerminal The streams to use; those of the process when it is left out.
 * @returns The exit code: 0 done, 1 a cell failed, 2 bad usage or input, 3 as `--detailed-exitcode` asks, 101 a bug,
 * 130/143 interrupted.
 */
export async function main(
  argv: readonly string[],
  openTerminal: (settings: TerminalSettings) => Terminal = realTerminal,
): Promise<number> {
  let exitCode: number = EXIT.done;
  let flags: Flags = { color: "auto" };

  function action(run: Run) {
    return async (...parameters: unknown[]): Promise<void> => {
      const command = parameters.at(-1) as Command;
      flags = command.optsWithGlobals() as Flags;
      const terminal = openTerminal({ color: flags.color, quiet: flags.quiet ?? false });
      const common = { terminal, verbose: flags.verbose ?? false, debug: flags.debug ?? false };
      exitCode = await run(common, command.processedArgs as string[], flags);
    };
  }

  const program = new Command("stowage");
  speakThrough(openTerminal({ color: "auto", quiet: false }), program);
  declareProgram(program, action);
  try {
    await program.parseAsync(withDefaultCommand(argv, program), { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    const terminal = openTerminal({ color: flags.color, quiet: false });
    return failed(error, argv, { terminal, debug: flags.debug ?? argv.includes("--debug") });
  }
}

/** Help goes to stdout; what commander says of bad usage goes to stderr, safe to show. */
function speakThrough(terminal: Terminal, program: Command): void {
  program.configureOutput({
    writeOut: (text) => terminal.write(text),
    writeErr: (text) =>
      terminal.talk(text.split("\n").map(escapeUnsafe).join("\n"), { always: true }),
    getOutHelpWidth: () => terminal.columns,
    getErrHelpWidth: () => terminal.columns,
  });
}

function failed(
  error: unknown,
  argv: readonly string[],
  { terminal, debug }: { readonly terminal: Terminal; readonly debug: boolean },
): number {
  if (error instanceof DiagnosticError) {
    talkDiagnostics(error.diagnostics, { terminal });
    return EXIT.usage;
  }
  if (error instanceof Deno.errors.NotCapable) {
    talkDiagnostics([permissionMissing({ reason: reasonOf(error) })], { terminal });
    return EXIT.usage;
  }
  reportBug(error, argv, { terminal, debug });
  return EXIT.bug;
}

/** `stowage FILE` is `stowage run FILE`; a word that is no file and no command gets a suggestion. */
function withDefaultCommand(argv: readonly string[], program: Command): string[] {
  const names = program.commands.map((command) => command.name()).concat("help");
  const first = firstOperand(argv, program);
  if (first === undefined) return argv.length === 0 ? ["--help"] : [...argv];
  if (first === "help") {
    const about = argv[argv.indexOf(first) + 1];
    if (about !== undefined && !names.includes(about)) refuseCommand(about, names, program);
  }
  if (names.includes(first)) return [...argv];
  if (/[./\\]/.test(first)) return ["run", ...argv];
  refuseCommand(first, names, program);
}

function refuseCommand(word: string, names: readonly string[], program: Command): never {
  const near = suggest(word, names);
  program.error(
    `error: unknown command '${word}'${near ? `\n(Did you mean ${near}?)` : ""}\n` +
      "A pipeline file is named with its ending or path: stowage pipelines/tiny.yaml",
    { exitCode: EXIT.usage },
  );
}

/** The first word that is neither an option nor the value of one, be it of the program or of run. */
function firstOperand(argv: readonly string[], program: Command): string | undefined {
  const run = program.commands.find((command) => command.name() === "run");
  const valued = [...program.options, ...run?.options ?? []]
    .filter((option) => option.required)
    .map((option) => option.long);
  return argv.find((word, index) =>
    !word.startsWith("-") && (index === 0 || !valued.includes(argv[index - 1] ?? ""))
  );
}
