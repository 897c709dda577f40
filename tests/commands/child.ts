/** Runs the real command line in a child process. */
import { fileURLToPath } from "node:url";

const PROJECT = fileURLToPath(new URL("../../", import.meta.url));

/** What a command left behind. */
export interface CliResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

/**
 * Runs `cli.ts` with just enough permissions for a plan.
 *
 * @param options `flags` are those of `deno run`; `cwd` is the folder that the command is called in; `env` is added
 * to the environment.
 */
export async function runCli(
  args: readonly string[],
  options: {
    readonly cwd?: string;
    readonly flags?: readonly string[];
    readonly env?: Readonly<Record<string, string>>;
  } = {},
): Promise<CliResult> {
  const command = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      "--cached-only",
      ...options.flags ?? ["--allow-read", "--ignore-env"],
      `${PROJECT}cli.ts`,
      ...args,
    ],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { NO_COLOR: "1", ...options.env },
    stdin: "null",
  });
  const { code, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  return { stdout: decoder.decode(stdout), stderr: decoder.decode(stderr), exitCode: code };
}

/** Folder of this project, with a slash at its end. */
export const projectFolder = PROJECT;
