/**
 * The loop of `decode: graph` (lib/workers/stowage_worker/decode): Hugging Face's `generate` makes the first token with a
 * cache that is allocated whole beforehand; then one step is captured as a CUDA graph, and replayed. What is written
 * is a generation after the first: it finds the graph with its pool, which makes it the fullest.
 */
import { GRAPH_POOL } from "../trace/trace.ts";
import type { Execution, ForwardPass, KvCache, ModelFamily, ModelShape } from "./family.ts";
import type { Generation } from "./generate.ts";
import { type GenerationLoop, GreedyLoop } from "./loop.ts";
import type { Torch } from "./torch.ts";

const ID_BYTES = 8;
/** What a captured product takes for cuBLASLt beside the workspace of cuBLAS. */
const CUBLASLT_WORKSPACE_BYTES = 2 ** 20;
/** From the second layer on every layer finds the blocks of the one before. */
const CAPTURED_LAYERS = 2;

export class GraphLoop implements GenerationLoop {
  readonly #torch: Torch;
  readonly #family: ModelFamily;
  readonly #shape: ModelShape;
  readonly #execution: Execution;
  readonly #generation: Generation;
  readonly #prefill: GreedyLoop;
  readonly #kept: number[] = [];
  /** Length of the cache. */
  #maxTokens = 0;

  constructor(
    torch: Torch,
    family: ModelFamily,
    shape: ModelShape,
    execution: Execution,
    generation: Generation,
  ) {
    this.#torch = torch;
    this.#family = family;
    this.#shape = shape;
    this.#execution = execution;
    this.#generation = generation;
    this.#prefill = new GreedyLoop(torch, family, shape, execution);
  }

  /** The buffers that outlive every step: all keys, all values, what a step reads and writes, and the graph. */
  begin(batch: number, promptTokens: number): void {
    const torch = this.#torch;
    torch.device = this.#execution.deviceOf("");
    const { newTokens, tensorParallel } = this.#generation;
    const { layers, kvHeads, headDim } = this.#shape;
    const tokenBytes = kvHeads / tensorParallel * headDim * torch.runtime.elementBytes;
    this.#maxTokens = promptTokens + newTokens;
    const layerBytes = batch * this.#maxTokens * tokenBytes;
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
    this.#capture(batch);
    this.#prefill.begin(batch, promptTokens);
  }

  step(pass: ForwardPass): void {
    if (pass.past === 0) {
      this.#prefill.step({ ...pass, cacheIsGiven: true });
      this.#prefill.end([]);
      this.#keep("output", pass.batch * (pass.query + 1) * ID_BYTES);
      return;
    }
    this.#replay(pass);
  }

  /** Every replay finds what the one before found. */
  skipTo(): void {}

  end(_cache: readonly KvCache[]): void {
    this.#torch.free(...this.#kept.splice(0));
  }

  /**
   * The pool of the graph: the tensors of a step are dead when the capture ends, but nobody else is given their blocks.
   * Every layer finds those of the layer before.
   */
  #capture(batch: number): void {
    const torch = this.#torch;
    torch.stream = GRAPH_POOL;
    const { elementBytes, cublasWorkspaceBytes } = torch.runtime;
    const row = (name: string, size: number) => torch.tensor(name, batch * size * elementBytes);
    const { hiddenSize, vocabSize } = this.#shape;
    let hidden = row("hidden", hiddenSize);
    for (let layer = 0; layer < CAPTURED_LAYERS; layer++) {
      const norm = row("norm", hiddenSize);
      const inputs = this.#projections().map((size) => row("query, key, value", size));
      // The stream of the capture has workspaces of its own; single rows go through kernels that need none.
      if (layer === 0 && cublasWorkspaceBytes > 0) {
        const hasProducts = batch > 1 || !this.#attends();
        if (hasProducts) this.#keep("cuBLAS workspace (graph)", cublasWorkspaceBytes, "workspace");
        if (batch > 1) {
          this.#keep("cuBLASLt workspace (graph)", CUBLASLT_WORKSPACE_BYTES, "workspace");
        }
      }
      if (!this.#attends()) torch.free(...this.#plainAttention(batch));
      const mixed = row("attention", this.#headElements());
      const middle = row("hidden", hiddenSize);
      const second = row("norm", hiddenSize);
      torch.free(norm);
      const wide = this.#wideTensors().map((size) => row("wide", size));
      const output = row("hidden", hiddenSize);
      torch.free(hidden, ...inputs, mixed, middle, second, ...wide);
      hidden = output;
    }
    const norm = row("norm", hiddenSize);
    const logits = row("logits", vocabSize);
    torch.free(norm, hidden);
    torch.free(torch.tensor("argmax", batch * ID_BYTES), logits);
    torch.stream = 0;
  }

  #headElements(): number {
    return this.#shape.heads / this.#generation.tensorParallel * this.#shape.headDim;
  }

  /** Outputs of the projections into queries, keys and values: one product, or three. */
  #projections(): number[] {
    const { kvHeads, headDim } = this.#shape;
    const heads = this.#headElements();
    const narrow = kvHeads / this.#generation.tensorParallel * headDim;
    return narrow === heads && !this.#isGated() ? [3 * heads] : [heads, narrow, narrow];
  }

  /** The outputs of the first products of an MLP; a gate's is activated into another tensor. */
  #wideTensors(): number[] {
    const wide = this.#shape.intermediateSize / this.#generation.tensorParallel;
    return this.#isGated() ? [wide, wide, wide] : [wide];
  }

  /** Whether the kernel serves the heads (`attends` of kernels.py). */
  #attends(): boolean {
    const { headDim } = this.#shape;
    return headDim >= 32 && headDim <= 256 && Number.isInteger(Math.log2(headDim));
  }

  /** Tensors of `plain_attention` of operations.py at its fullest: scores over the whole cache, in float32 at last. */
  #plainAttention(batch: number): number[] {
    const torch = this.#torch;
    const elements = batch * this.#scoresOfRow();
    const { elementBytes } = torch.runtime;
    return [
      torch.tensor("scores", elements * elementBytes),
      torch.tensor("scores with bias", elements * elementBytes),
      torch.tensor("weights.float32", elements * 4),
      torch.tensor("weights", elements * elementBytes),
    ];
  }

  /** Scores of one sequence over the whole cache, whatever of it is filled. */
  #scoresOfRow(): number {
    return this.#headElements() / this.#shape.headDim * this.#maxTokens;
  }

  #isGated(): boolean {
    return this.#family.graphStep === "gated";
  }

  #keep(name: string, bytes: number, category: "activation" | "workspace" = "activation"): void {
    this.#kept.push(this.#torch.tensor(name, bytes, category));
  }

  /** The kernels of one step. The host starts them with one call. */
  #replay({ batch, past, tensorParallel }: ForwardPass): void {
    const torch = this.#torch;
    const { elementBytes } = torch.runtime;
    const shape = this.#shape;
    const hidden = shape.hiddenSize;
    const heads = this.#headElements();
    const narrow = shape.kvHeads / tensorParallel * shape.headDim;
    const wide = shape.intermediateSize / tensorParallel;
    const isGated = this.#isGated();
    const product = (name: string, inputs: number, outputs: number, outputBytes = outputs) => {
      const bytes = (batch * (inputs + outputBytes) + inputs * outputs) * elementBytes;
      torch.replayed(name, bytes, 2 * batch * inputs * outputs, "product");
    };
    const rows = (name: string, size: number) => torch.replayed(name, batch * size * elementBytes);

    rows("embedding", 2 * hidden);
    for (let layer = 0; layer < shape.layers; layer++) {
      rows("norm", 2 * hidden);
      for (const outputs of this.#projections()) product("query, key, value", hidden, outputs);
      this.#replayAttention(batch, past, heads, narrow);
      product("dense", heads, hidden);
      this.#execution.allReduce(torch.device, batch * hidden * elementBytes);
      rows("norm", 2 * hidden);
      product("up", hidden, isGated ? 2 * wide : wide, wide);
      product("down", wide, hidden);
      this.#execution.allReduce(torch.device, batch * hidden * elementBytes);
      // A single row adds bias, activation and residual within its products.
      if (batch > 1) {
        rows("residual", 3 * hidden);
        rows("activation", (isGated ? 3 : 2) * wide);
        rows("residual", 3 * hidden);
      }
    }
    rows("norm", 2 * hidden);
    product("logits", hidden, shape.vocabSize);
    rows("argmax", shape.vocabSize);
    for (const name of ["end_tokens", "token", "new_ids", "position", "written"]) rows(name, 1);
  }

  /** One kernel, or where there is none the operators over the whole cache. */
  #replayAttention(batch: number, past: number, heads: number, narrow: number): void {
    const torch = this.#torch;
    const { elementBytes } = torch.runtime;
    const replay = (name: string, bytes: number, flops = 0) =>
      torch.replayed(name, bytes, flops, flops > 0 ? "attention" : "bytes");
    if (this.#attends()) {
      const read = 2 * heads + 2 * narrow * (past + 1);
      return replay("attention", batch * read * elementBytes, 4 * batch * heads * (past + 1));
    }
    const scores = batch * this.#scoresOfRow();
    const cache = batch * narrow * this.#maxTokens * elementBytes;
    for (const name of ["key", "value"]) replay(name, 2 * batch * narrow * elementBytes);
    replay("scores", cache + scores * elementBytes, 2 * scores * this.#shape.headDim);
    for (const name of ["scale", "positions", "distance", "bias", "biased", "hidden", "masked"]) {
      replay(name, 2 * scores * elementBytes);
    }
    replay("softmax", scores * (elementBytes + 4));
    replay("weights", scores * (elementBytes + 4));
    replay("attention", cache + scores * elementBytes, 2 * scores * this.#shape.headDim);
  }
}
