/** Stands for an interpreter with the stack, and starts the scripted worker: the real command, with no library behind it. */
import { join } from "node:path";
import { resolveStack } from "../../lib/catalog/stack.ts";
import { WORKER } from "../run/scripted.ts";

/** Writes it into a folder. @returns Its path, for `--python`. */
export function writeScriptedPython(folder: string): string {
  const path = join(folder, "python");
  const report = { python: "3.11.0", versions: resolveStack({ name: "current" }).value?.versions };
  const facts = { version: "3.11.0", hasVenv: true, includePath: "" };
  Deno.writeTextFileSync(
    path,
    `#!/bin/sh
case "$1" in
  -c) echo '${JSON.stringify({ path, ...facts })}' ;;
  */detect.py) echo '${JSON.stringify(report)}' ;;
  *) shift; exec python3 '${WORKER}' "$@" ;;
esac
`,
    { mode: 0o755 },
  );
  return path;
}

/** A pipeline of one model; the name of a strategy is the first part of its cells' ids, which tells the worker what to do. */
export function scriptedPipeline(
  actions: readonly string[],
  grid: Readonly<Record<string, readonly number[]>> = { batchSize: [1] },
): Record<string, unknown> {
  const config = {
    model_type: "bloom",
    vocab_size: 16384,
    hidden_size: 256,
    n_layer: 4,
    n_head: 8,
  };
  return {
    name: "scripted",
    model: { name: "tiny-bloom", weights: "on-device", config },
    hardware: "2x cpu",
    generate: { max_new_tokens: 8 },
    strategies: actions.map((name) => ({ name, use: "accelerate", dtype: "float32" })),
    grid,
  };
}
