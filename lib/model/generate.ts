/**
 * The greedy loop of Hugging Face `generate` (`GenerationMixin._sample`) around a family's forward pass, with
 * `min_new_tokens = max_new_tokens`, so that exactly N tokens are made.
 */
import type { TraceSink } from "../trace/trace.ts";
import type { Execution, ForwardPass, KvCache, ModelFamily, ModelShape } from "./family.ts";
import { type GenerationLoop, GreedyLoop } from "./loop.ts";
import { GraphLoop } from "./loop_graph.ts";
import { GreedySearch } from "./loop_2022.ts";
import type { Runtime } from "./runtime.ts";
import { Torch } from "./torch.ts";

export interface Generation {
  readonly batch: number;
  readonly promptTokens: number;
  readonly newTokens: number;
  readonly tensorParallel: number;
  readonly runtime: Runtime;
  /**
   * Which decode steps are written. `ends`: the first and the last, which hold the peak (each tensor of a step is
   * at least as large as in the step before) and give the mean time (a step is linear in the length). `every`:
   * all, for an allocator whose state depends on what came before. `first`: so many of the first, and nothing is
   * freed at the end, as if more would come.
   *
   * @default "ends"
   */
  readonly decodeSteps?: DecodeSteps | undefined;
}

/** See `Generation.decodeSteps`. */
export type DecodeSteps = "ends" | "every" | { readonly first: number };

/**
 * Writes prefill and decoding. Steps from the second on allocate and free the same tensors in the same order;
 * only sizes that contain the number of past tokens differ, and those are affine in it.
 */
export function traceGenerate(
  family: ModelFamily,
  shape: ModelShape,
  generation: Generation,
  execution: Execution,
  sink: TraceSink,
): void {
  const { batch, promptTokens, newTokens, tensorParallel, runtime } = generation;
  const cache: KvCache[] = [];
  const torch = new Torch(sink, runtime);
  torch.biasApart = execution.biasApart ?? "none";
  const pass = (query: number, past: number): ForwardPass => ({
    batch,
    query,
    past,
    tensorParallel,
    cache,
    // The last token is never fed back, so nothing caches it.
    staticLength: runtime.cache === "static" && runtime.decode === "eager"
      ? promptTokens + newTokens - 1
      : undefined,
  });
  const Loop = runtime.behaviours.has("greedy-search") ? GreedySearch : GreedyLoop;
  const loop: GenerationLoop = runtime.decode === "graph"
    ? new GraphLoop(torch, family, shape, execution, generation)
    : new Loop(torch, family, shape, execution);

  if (execution.layer === undefined) traceBuffers(family, shape, execution, torch);
  const first = pass(promptTokens, 0);
  const blocks = Array.from({ length: shape.layers }, (_, layer) => family.blockName(layer));
  const devices = new Set(["", ...blocks].map((module) => execution.deviceOf(module)));
  sink.beginPhase(loop.warmUp === undefined ? "prefill" : "warmup", 0);
  for (const device of devices) torch.prepareWorkspace(device);
  if (loop.warmUp !== undefined) {
    loop.warmUp(first, (phase) => sink.beginPhase(phase, 0));
    sink.beginPhase("prefill", 0);
  }
  loop.begin(batch, promptTokens);
  loop.step(first);
  let written = 0;
  for (const number of writtenSteps(newTokens - 1, generation.decodeSteps)) {
    const past = promptTokens + number - 1;
    if (number > written + 1) loop.skipTo(pass(1, past));
    sink.beginPhase("decode", number);
    loop.step(pass(1, past));
    written = number;
  }
  if (typeof generation.decodeSteps !== "object") loop.end(cache);
}

/** What loading leaves beside the parameters: masks that modules keep, frequencies of positions. They live on. */
function traceBuffers(
  family: ModelFamily,
  shape: ModelShape,
  execution: Execution,
  torch: Torch,
): void {
  torch.device = execution.deviceOf("");
  for (const { name, bytes } of family.rootBuffers?.(shape, torch.runtime.behaviours) ?? []) {
    torch.tensor(name, bytes, "weights");
  }
  const buffers = family.layerBuffers?.(shape, torch.runtime.behaviours) ?? [];
  if (buffers.length === 0) return;
  for (let layer = 0; layer < shape.layers; layer++) {
    const block = family.blockName(layer);
    torch.device = execution.deviceOf(block);
    for (const { name, bytes } of buffers) torch.tensor(`${block}.${name}`, bytes, "weights");
  }
}

/** Numbers, from 1, of the decode steps that are written. */
function writtenSteps(steps: number, which: DecodeSteps = "ends"): number[] {
  if (which !== "ends") {
    const length = which === "every" ? steps : Math.min(which.first, steps);
    return Array.from({ length }, (_, index) => index + 1);
  }
  return steps === 0 ? [] : [...new Set([1, steps])];
}
