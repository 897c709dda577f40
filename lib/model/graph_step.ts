/**
 * One step of `decode: graph` (lib/workers/stowage_worker/decode): the tensors that it makes, once without a graph and
 * once while it is captured, and the kernels of a replay.
 */
import type { Execution, ForwardPass, ModelFamily, ModelShape } from "./family.ts";
import type { Generation } from "./generate.ts";
import type { Torch } from "./torch.ts";

const ID_BYTES = 8;
/** What a captured product with a bias takes for cuBLASLt beside the workspace of cuBLAS. */
const CUBLASLT_WORKSPACE_BYTES = 2 ** 20;
/** From the second layer on every layer finds the blocks of the one before. */
const TRACED_LAYERS = 2;

export class GraphStep {
  readonly #torch: Torch;
  readonly #family: ModelFamily;
  readonly #shape: ModelShape;
  readonly #execution: Execution;
  readonly #generation: Generation;
  /** Length of the cache. */
  readonly #maxTokens: number;

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
    this.#maxTokens = generation.promptTokens + generation.newTokens;
  }

  /** What a step has made before: slopes of ALiBi in float32, or half of a table of cosines and one of sines. */
  tables(): { readonly name: string; readonly bytes: number }[] {
    const { heads, headDim } = this.#shape;
    if (this.#family.isRotary !== true) {
      return [{ name: "slopes", bytes: heads / this.#generation.tensorParallel * 4 }];
    }
    const bytes = this.#maxTokens * headDim / 2 * this.#torch.runtime.elementBytes;
    return ["cos", "sin"].map((name) => ({ name, bytes }));
  }

  /**
   * The tensors of a step, all of which are dead when it ends.
   *
   * @param isCaptured A stream that captures has workspaces of its own.
   * @returns Those workspaces, which stay.
   */
  trace(isCaptured: boolean): number[] {
    const torch = this.#torch;
    const { hiddenSize, vocabSize } = this.#shape;
    const { batch } = this.#generation;
    const row = (name: string, size: number) => this.#row(name, size);
    const kept: number[] = [];
    let hidden = row("hidden", hiddenSize);
    for (let layer = 0; layer < TRACED_LAYERS; layer++) {
      const norm = row("norm", hiddenSize);
      const inputs = this.#projections().map((size) => row("query, key, value", size));
      if (layer === 0 && isCaptured) kept.push(...this.#workspaces());
      if (this.#shape.normalizesHeads) {
        const [query = -1, key = -1] = inputs;
        const [queries = 0, keys = 0] = this.#projections();
        const normed = [row("query", queries), row("key", keys)];
        torch.free(query, key);
        inputs.splice(0, 2, ...normed);
      }
      if (!this.#attends()) torch.free(...this.#plainAttention(batch));
      const mixed = row("attention", this.#headElements());
      const middle = row("hidden", hiddenSize);
      const second = row("norm", hiddenSize);
      torch.free(norm);
      const wide = this.#middleOfMlp();
      const output = row("hidden", hiddenSize);
      torch.free(hidden, ...inputs, mixed, middle, second, wide);
      hidden = output;
    }
    const norm = row("norm", hiddenSize);
    const logits = row("logits", vocabSize);
    torch.free(norm, hidden);
    torch.free(torch.tensor("argmax", batch * ID_BYTES), logits);
    return kept;
  }

  /** The kernels of one step. The host starts them with one call. */
  replay({ batch, past, tensorParallel }: ForwardPass): void {
    const torch = this.#torch;
    const { elementBytes } = torch.runtime;
    const shape = this.#shape;
    const hidden = shape.hiddenSize;
    const heads = this.#headElements();
    const narrow = shape.kvHeads / tensorParallel * shape.headDim;
    const wide = this.#wide();
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
      if (shape.normalizesHeads) {
        rows("query norm", 2 * heads);
        rows("key norm", 2 * narrow);
      }
      this.#replayAttention(batch, past, heads, narrow);
      product("dense", heads, hidden);
      this.#execution.allReduce(torch.device, batch * hidden * elementBytes);
      rows("norm", 2 * hidden);
      product("up", hidden, isGated ? 2 * wide : wide, wide);
      product("down", wide, hidden);
      this.#execution.allReduce(torch.device, batch * hidden * elementBytes);
      if (!this.#isOneRow()) {
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

  /**
   * Whether products are the kernels of a single row, which add bias, activation and residual: layers that DeepSpeed has cut
   * are called as they are (`linear` of operations.py).
   */
  #isOneRow(): boolean {
    return this.#generation.batch === 1 && this.#execution.biasApart !== "all";
  }

  /** Single rows go through kernels that need none; only a bias within a product makes it one of cuBLASLt. */
  #workspaces(): number[] {
    const torch = this.#torch;
    const { cublasWorkspaceBytes } = torch.runtime;
    if (cublasWorkspaceBytes === 0) return [];
    const isMany = !this.#isOneRow();
    const keep = (name: string, bytes: number) => torch.tensor(name, bytes, "workspace");
    const kept: number[] = [];
    if (isMany || !this.#attends()) {
      kept.push(keep("cuBLAS workspace (graph)", cublasWorkspaceBytes));
    }
    if (
      isMany && this.#family.hasBias?.(this.#shape) === true && this.#execution.biasApart !== "all"
    ) {
      kept.push(keep("cuBLASLt workspace (graph)", CUBLASLT_WORKSPACE_BYTES));
    }
    return kept;
  }

  /** What the second product of an MLP reads: the first one's output behind its activation, and times its gate. */
  #middleOfMlp(): number {
    const torch = this.#torch;
    const row = (name: string) => this.#row(name, this.#wide());
    // One row: one kernel.
    if (this.#isOneRow()) return row("wide");
    const first = row("wide");
    const activated = row("activated");
    torch.free(first);
    if (this.#isGated()) torch.free(row("gate"));
    return activated;
  }

  #row(name: string, size: number): number {
    const torch = this.#torch;
    return torch.tensor(name, this.#generation.batch * size * torch.runtime.elementBytes);
  }

  #headElements(): number {
    return this.#shape.heads / this.#generation.tensorParallel * this.#shape.headDim;
  }

  #wide(): number {
    return this.#shape.intermediateSize / this.#generation.tensorParallel;
  }

  /** Outputs of the projections into queries, keys and values: one product, or three. */
  #projections(): number[] {
    const { kvHeads, headDim } = this.#shape;
    const heads = this.#headElements();
    const narrow = kvHeads / this.#generation.tensorParallel * headDim;
    return narrow === heads && !this.#isGated() ? [3 * heads] : [heads, narrow, narrow];
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

  /** One kernel, or where there is none the operators over the whole cache. */
  #replayAttention(batch: number, past: number, heads: number, narrow: number): void {
    const torch = this.#torch;
    const { elementBytes } = torch.runtime;
    const kind = this.#attends() ? "attention" : "unfused";
    const replay = (name: string, bytes: number, flops = 0) =>
      torch.replayed(name, bytes, flops, flops > 0 ? kind : "bytes");
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
