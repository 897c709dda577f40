/** Loads a checkpoint on two cpu ranks in each of the ways that there are, and tells what that took. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { WORKERS_DIRECTORY } from "../../lib/workers/directory.ts";

const SCRIPT = new URL("./load_memory.py", import.meta.url).pathname;

/** From files: all of it on each rank, the rank's slices, its own file. With random values: whole, or its share. */
export type LoadMode = "whole" | "unsharded" | "presharded" | "whole-random" | "random";

/** What one rank measured. */
export interface LoadMeasure {
  readonly seconds: number;
  /** Growth of VmData at its peak: what a limit of the device counts. */
  readonly dataBytes: number;
  /** Growth of RssAnon at its peak. */
  readonly residentBytes: number;
  readonly shareBytes: number;
  readonly largestBytes: number;
  readonly wholeBytes: number;
}

const ENV = { DS_ACCELERATOR: "cpu", LOCAL_SIZE: "2", OMP_NUM_THREADS: "1", HF_HUB_OFFLINE: "1" };

async function runPython(
  python: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(python, {
    args: [...args],
    env: { ...ENV, ...env },
  }).output();
  const decoder = new TextDecoder();
  assert.equal(code, 0, decoder.decode(stderr));
  return decoder.decode(stdout);
}

/** What both ranks measured. */
export async function measureLoad(
  python: string,
  { mode, folder, dtype, env }: {
    readonly mode: LoadMode;
    readonly folder: string;
    readonly dtype: string;
    /** What the ranks find in their environment beside the usual. */
    readonly env?: Readonly<Record<string, string>>;
  },
): Promise<readonly LoadMeasure[]> {
  const ranks = ["-m", "torch.distributed.run", "--nproc_per_node", "2"];
  const stdout = await runPython(python, [...ranks, SCRIPT, mode, folder, dtype], env);
  const line = stdout.split("\n").find((line) => line.startsWith("RESULT "));
  assert.ok(line !== undefined, stdout);
  return JSON.parse(line.slice("RESULT ".length));
}

/** Writes a checkpoint with random weights, as a run does. */
export async function makeCheckpoint(
  python: string,
  folder: string,
  config: Readonly<Record<string, unknown>>,
  dtype: string,
): Promise<void> {
  Deno.mkdirSync(folder, { recursive: true });
  const request = join(folder, "request");
  const asked = { formatVersion: "1.0", config, seed: 1, dtype, folder };
  Deno.writeTextFileSync(request, JSON.stringify(asked));
  await runPython(python, [join(WORKERS_DIRECTORY, "make_checkpoint.py"), request]);
  Deno.removeSync(request);
}
