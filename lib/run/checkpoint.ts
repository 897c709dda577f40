/** The checkpoint with seeded random weights: made once into the cache, then loaded like any other. */
import { join } from "node:path";
import type { Outcome } from "../diagnostics/diagnostic.ts";
import { checkpointFailed, noDiskSpace } from "../diagnostics/messages/run.ts";
import { hashJson } from "../plan/hash.ts";
import type { PlanModel } from "../plan/plan.ts";
import { formatBytes } from "../report/bytes.ts";
import { DTYPE_BYTES } from "../strategy/strategy.ts";
import type { StrategySpec } from "../language/pipeline.ts";
import { freeDiskBytes } from "./cache.ts";
import { withLock } from "./environment/lock.ts";
import { lastError } from "./death.ts";
import { startProcess } from "./process.ts";
import type { CheckpointRequest } from "./protocol.ts";
import { writeWhole } from "./run_folder.ts";

/** What to make, and with what. */
export interface CheckpointOptions {
  readonly model: PlanModel;
  readonly dtype: StrategySpec["dtype"];
  readonly seed: number;
  readonly python: string;
  readonly cacheDirectory: string;
  readonly workersDirectory: string;
  readonly say: (line: string) => void;
  readonly signal?: AbortSignal;
}

/** Files that decide what a checkpoint holds. */
const MAKERS = ["make_checkpoint.py", "stowage_worker/weights.py"] as const;

/**
 * The folder of the checkpoint, made where it is missing. Two engines that want the same one take turns; a half made
 * one is made again, because a folder gets its name only when it is complete.
 */
export async function prepareCheckpoint(options: CheckpointOptions): Promise<Outcome<string>> {
  const { model, dtype, seed, cacheDirectory, workersDirectory } = options;
  const makers = MAKERS.map((name) => Deno.readTextFileSync(join(workersDirectory, name)));
  const key = hashJson([model.config, dtype, seed, makers]).slice(0, 16);
  const folder = join(cacheDirectory, "checkpoints", key);
  if (exists(folder)) return { value: folder, diagnostics: [] };
  Deno.mkdirSync(join(cacheDirectory, "checkpoints"), { recursive: true });
  return await withLock(`${folder}.lock`, options.say, async () => {
    if (exists(folder)) return { value: folder, diagnostics: [] };
    return await make(folder, options);
  });
}

async function make(folder: string, options: CheckpointOptions): Promise<Outcome<string>> {
  const { model, dtype, seed, python, workersDirectory, say } = options;
  const needBytes = model.parameters * DTYPE_BYTES[dtype] * 1.02; // the tokenizer and the headers
  const free = await freeDiskBytes(options.cacheDirectory);
  if (free !== null && free < needBytes) {
    const sizes = { need: formatBytes(needBytes), free: formatBytes(free) };
    return { diagnostics: [noDiskSpace({ folder: options.cacheDirectory, ...sizes })] };
  }
  say(`making a checkpoint of ${model.name} with random weights: ${formatBytes(needBytes)}`);
  const part = `${folder}.part`;
  removeTree(part);
  Deno.mkdirSync(part);
  const request: CheckpointRequest = {
    formatVersion: "1.0",
    config: model.config,
    seed,
    dtype,
    folder: part,
  };
  writeWhole(`${folder}.request.json`, JSON.stringify(request));
  const logPath = `${folder}.log`;
  const child = startProcess({
    argv: [python, join(workersDirectory, "make_checkpoint.py"), `${folder}.request.json`],
    env: { HF_HUB_OFFLINE: "1", DS_ACCELERATOR: "cpu" },
    logPath,
  });
  const stop = () => void child.stop();
  options.signal?.addEventListener("abort", stop);
  const { code, tail } = await child.done;
  options.signal?.removeEventListener("abort", stop);
  await child.stop();
  if (code !== 0) {
    removeTree(part);
    const reason = options.signal?.aborted ? "it was interrupted" : lastError(tail);
    return { diagnostics: [checkpointFailed({ reason, log: logPath })] };
  }
  Deno.renameSync(part, folder);
  return { value: folder, diagnostics: [] };
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}

function removeTree(path: string): void {
  try {
    Deno.removeSync(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
