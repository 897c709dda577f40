/**
 * The greedy loop of Hugging Face `generate` (`GenerationMixin._sample`, transformers 4.57.3) around a family's
 * forward pass, with `min_new_tokens = max_new_tokens`, so that exactly N tokens are made.
 */
import { Tape } from "../trace/tape.ts";
import type { TraceSink } from "../trace/trace.ts";
import type { Execution, KvCache, ModelFamily, ModelShape } from "./family.ts";

export interface Generation {
  readonly batch: number;
  readonly promptTokens: number;
  readonly newTokens: number;
  readonly elementBytes: number;
  readonly tensorParallel: number;
  /**
   * Which decode steps are written. `ends`: the first and the last, which hold the peak (each tensor of a step is
   * at least as large as in the step before) and give the mean time (a step is linear in the length). `every`:
   * all, for an allocator whose state depends on what came before.
   *
   * @default "ends"
   */
  readonly decodeSteps?: DecodeSteps | undefined;
}

/** See `Generation.decodeSteps`. */
export type DecodeSteps = "ends" | "every";

/** Tensors of the loop that live from one step into the next. */
interface LoopState {
  readonly scores: number[];
}

/**
 * Picks the next token from a float32 copy of the last logits. `min_new_tokens` brings two processors, because `generate`
 * sets `min_length` from it as well: each clones its scores, then replaces the clone by the result of a `where`.
 */
function selectToken(
  tape: Tape,
  vocabSize: number,
  batch: number,
  logits: { readonly handle: number; readonly bytes: number },
  state: LoopState,
): void {
  const scoresBytes = batch * vocabSize * 4;
  const next = tape.elementwise("next_token_logits", scoresBytes, scoresBytes);
  const clone = tape.elementwise("min_length_clone", scoresBytes, scoresBytes);
  const afterMinLength = tape.elementwise("min_length_scores", scoresBytes, scoresBytes);
  tape.free(clone);
  const secondClone = tape.elementwise("min_new_tokens_clone", scoresBytes, scoresBytes);
  const masked = tape.elementwise("next_token_scores", scoresBytes, scoresBytes);
  tape.free(secondClone, afterMinLength);
  tape.kernel("argmax", scoresBytes);
  // The names are bound again only here: the scores of the step before lived through this one's forward.
  tape.free(...state.scores.splice(0));
  state.scores.push(next, masked);
  tape.free(logits.handle);
}

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
  const { batch, promptTokens, newTokens, elementBytes, tensorParallel } = generation;
  const cache: KvCache[] = [];
  const state: LoopState = { scores: [] };
  const inputDevice = execution.deviceOf("");
  const ids = new Tape(sink, inputDevice);

  sink.beginPhase("prefill", 0);
  // input_ids, attention_mask (int64) and the concatenations that replace them at each step.
  const loopBytes = batch * (promptTokens + newTokens) * 8;
  const loop = [
    ids.tensor("input_ids", 2 * loopBytes),
    ids.tensor("attention_mask", 2 * loopBytes),
  ];

  function step(query: number, past: number): void {
    const pass = { batch, query, past, elementBytes, tensorParallel, cache };
    const logits = family.forward(shape, pass, execution, sink);
    selectToken(ids, shape.vocabSize, batch, logits, state);
  }

  step(promptTokens, 0);
  let written = 0;
  for (const number of writtenSteps(newTokens - 1, generation.decodeSteps)) {
    const past = promptTokens + number - 1;
    if (number > written + 1) {
      growCache(cache, generation, past, { family, shape, execution, sink });
    }
    sink.beginPhase("decode", number);
    step(1, past);
    written = number;
  }
  for (const { key, value } of cache) ids.free(key, value);
  ids.free(...state.scores, ...loop);
}

/** Numbers, from 1, of the decode steps that are written. */
function writtenSteps(steps: number, which: DecodeSteps = "ends"): number[] {
  if (which === "every") return Array.from({ length: steps }, (_, index) => index + 1);
  return steps === 0 ? [] : [...new Set([1, steps])];
}

/** Replaces the cache by that of a later step, without the transients of the steps between. */
function growCache(
  cache: KvCache[],
  generation: Generation,
  past: number,
  { family, shape, execution, sink }: {
    readonly family: ModelFamily;
    readonly shape: ModelShape;
    readonly execution: Execution;
    readonly sink: TraceSink;
  },
): void {
  const heads = shape.kvHeads / generation.tensorParallel;
  const bytes = generation.batch * heads * past * shape.headDim * generation.elementBytes;
  for (const [layer, old] of cache.entries()) {
    sink.free(old.key);
    sink.free(old.value);
    const tape = new Tape(sink, execution.deviceOf(family.blockName(layer)));
    cache[layer] = {
      key: tape.tensor(`h.${layer}.key`, bytes, "kv"),
      value: tape.tensor(`h.${layer}.value`, bytes, "kv"),
    };
  }
}
