/** Runs one of the programs that make an environment, to its end or until the run is interrupted. */
import { type ProcessEnd, startProcess } from "../process.ts";

/** One program to run. */
export interface CommandRequest {
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly logPath: string;
  readonly onLine?: (line: string) => void;
  readonly signal?: AbortSignal;
}

/** What a program of this process's user may not change about ours: where Python looks for modules. */
const PYTHON_VARIABLES = { PYTHONHOME: "", PYTHONPATH: "", PYTHONUNBUFFERED: "1" };
const GRACE_SECONDS = 2;

/**
 * Runs a program and everything that it starts.
 *
 * @throws What `startProcess` throws.
 */
export async function runCommand(request: CommandRequest): Promise<ProcessEnd> {
  const { argv, env, logPath, onLine, signal } = request;
  const child = startProcess({
    argv,
    env: { ...PYTHON_VARIABLES, ...env },
    logPath,
    ...(onLine === undefined ? {} : { onLine }),
  });
  const stop = () => void child.stop(GRACE_SECONDS);
  signal?.addEventListener("abort", stop);
  if (signal?.aborted) stop();
  try {
    return await child.done;
  } finally {
    signal?.removeEventListener("abort", stop);
    await child.stop(GRACE_SECONDS);
  }
}
