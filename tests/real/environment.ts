/** The Python environment of the tests with real workers: the one that a run would make, in the cache of the user. */
import assert from "node:assert/strict";
import { resolveStack } from "../../lib/catalog/stack.ts";
import { cacheDirectory } from "../../lib/run/cache.ts";
import { prepareEnvironment, type PythonEnvironment } from "../../lib/run/environment.ts";
import { WORKERS_DIRECTORY } from "../../lib/workers/directory.ts";

/** Makes the environment of the stack `current` where it is missing; that takes a minute, once. */
export async function realEnvironment(): Promise<PythonEnvironment> {
  const stack = resolveStack({ name: "current" }).value;
  assert.ok(stack !== undefined);
  const { value, diagnostics } = await prepareEnvironment({
    stack,
    anyVersions: false,
    needsDeepspeed: true,
    cacheDirectory: cacheDirectory((name) => Deno.env.get(name)),
    workersDirectory: WORKERS_DIRECTORY,
    say: (line) => console.error(line),
  });
  assert.ok(value !== undefined, diagnostics.map(({ message }) => message).join("\n"));
  return value;
}

/** What a program said and how it ended. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command line as a user would, in a folder of its own. */
export async function stowage(args: readonly string[], cwd: string): Promise<Ran> {
  const cli = new URL("../../cli.ts", import.meta.url).pathname;
  const config = new URL("../../deno.json", import.meta.url).pathname;
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--config", config, cli, ...args],
    cwd,
    stdin: "null",
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}
