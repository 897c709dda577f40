/**
 * The loop of `decode: graph` (lib/workers/stowage_worker/decode): Hugging Face's `generate` makes the first token with a
 * cache that is allocated whole beforehand; then one step is captured as a CUDA graph, and replayed.
 *
 * The first generation of a cell has no graph yet: it makes the first token, runs one step as it is, returns what is
 * cached to the driver and captures. The later ones find the graph with its pool, and blocks of the first between which
 * they must fit. All are written: which of them is the fullest depends on where blocks were left.
 */
import { CAPTURE_STREAM, GRAPH_POOL, type Phase } from "../trace/trace.ts";
import type { Execution, ForwardPass, KvCache, ModelFamily, ModelShape } from "./family.ts";
import type { Generation } from "./generate.ts";
import { GraphStep } from "./graph_step.ts";
import { type GenerationLoop, GreedyLoop } from "./loop.ts";
import type { Torch } from "./torch.ts";

const ID_BYTES = 8;

export class GraphLoop implements GenerationLoop {
  readonly #torch: Torch;
  readonly #execution: Execution;
  readonly #generation: Generation;
  readonly #step: GraphStep;
  readonly #shape: ModelShape;
  readonly #newPrefill: () => GreedyLoop;
  readonly #kept: number[] = [];
  #prefill: GreedyLoop;
  #output: number | undefined;

  constructor(
    torch: Torch,
    family: ModelFamily,
    shape: ModelShape,
    execution: Execution,
    generation: Generation,
  ) {
    this.#torch = torch;
    this.#shape = shape;
    this.#execution = execution;
    this.#generation = generation;
    this.#step = new GraphStep(torch, family, shape, execution, generation);
    this.#newPrefill = () => new GreedyLoop(torch, family, shape, execution);
    this.#prefill = this.#newPrefill();
  }

  /** The first generation: all that outlives it, its own tensors, and the graph. */
  warmUp(pass: ForwardPass, beginPhase: (phase: Phase) => void): void {
    this.#keepState();
    if (!this.#captures()) return;
    this.#prefill.begin(pass.batch, pass.query);
    this.step(pass);
    this.#step.trace(false);
    beginPhase("capture");
    // Where the graph finds the state of the random numbers (`CUDAGeneratorState::register_graph`).
    this.#torch.stream = CAPTURE_STREAM;
    this.#keep("seed", ID_BYTES);
    this.#keep("offset", ID_BYTES);
    this.#torch.stream = GRAPH_POOL;
    this.#kept.push(...this.#step.trace(true));
    this.#torch.stream = 0;
    if (this.#output !== undefined) this.#torch.free(this.#output);
    this.#output = undefined;
    this.#prefill = this.#newPrefill();
  }

  begin(batch: number, promptTokens: number): void {
    this.#prefill.begin(batch, promptTokens);
  }

  step(pass: ForwardPass): void {
    if (pass.past > 0) return this.#step.replay(pass);
    this.#prefill.step({ ...pass, cacheIsGiven: true });
    this.#prefill.end([]);
    this.#output = this.#torch.tensor("output", pass.batch * (pass.query + 1) * ID_BYTES);
    // Without a graph each step makes its tensors.
    if (!this.#captures() && this.#generation.newTokens > 1) this.#step.trace(false);
  }

  /** Every replay finds what the one before found. */
  skipTo(): void {}

  end(_cache: readonly KvCache[]): void {
    if (this.#output !== undefined) this.#torch.free(this.#output);
    this.#torch.free(...this.#kept.splice(0));
  }

  /** A CPU runs the step as it is; one token needs none. */
  #captures(): boolean {
    return this.#torch.runtime.deviceType === "gpu" && this.#generation.newTokens > 1;
  }

  /** The buffers that outlive every step: all keys, all values, what a step reads and writes. */
  #keepState(): void {
    const torch = this.#torch;
    torch.device = this.#execution.deviceOf("");
    const { batch, promptTokens, newTokens, tensorParallel } = this.#generation;
    const { layers, kvHeads, headDim } = this.#shape;
    const tokenBytes = kvHeads / tensorParallel * headDim * torch.runtime.elementBytes;
    const layerBytes = batch * (promptTokens + newTokens) * tokenBytes;
    for (const { name, bytes } of this.#step.tables()) this.#keep(name, bytes);
    for (const part of ["key", "value"]) {
      for (let layer = 0; layer < layers; layer++) {
        this.#kept.push(torch.tensor(`h.${layer}.${part}`, layerBytes, "kv"));
      }
    }
    this.#keep("token", batch * ID_BYTES);
    this.#keep("position", ID_BYTES);
    this.#keep("first", batch * 4);
    this.#keep("new_ids", newTokens * batch * ID_BYTES);
    this.#keep("written", ID_BYTES);
    this.#keep("end_tokens", ID_BYTES);
  }

  #keep(name: string, bytes: number): void {
    this.#kept.push(this.#torch.tensor(name, bytes));
  }
}
