/** The command line inside this process, with a terminal that remembers. */
import { main } from "../../lib/commands/main.ts";
import type { Terminal, TerminalSettings } from "../../lib/commands/terminal.ts";

/** What a command said. */
export interface Said {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `main` with streams that remember what was written to them. */
export function say(...argv: readonly string[]): Promise<Said> {
  return sayOn(undefined, ...argv);
}

/** The same on a terminal of that width. */
export async function sayOn(
  width: number | undefined,
  ...argv: readonly string[]
): Promise<Said> {
  let stdout = "";
  let stderr = "";
  function openTerminal({ quiet, color }: TerminalSettings): Terminal {
    const colored = color === "always";
    return {
      write(text) {
        stdout += text.endsWith("\n") || text === "" ? text : `${text}\n`;
      },
      talk(text, options) {
        if (!quiet || options?.always) stderr += text.endsWith("\n") ? text : `${text}\n`;
      },
      color: { stdout: colored, stderr: colored },
      isLive: false,
      isQuiet: quiet,
      columns: 100,
      ...(width === undefined ? {} : { width }),
    };
  }
  const exitCode = await main(argv, openTerminal);
  return { exitCode, stdout, stderr };
}
