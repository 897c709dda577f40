/**
 * The loop of `decode: graph` (lib/workers/stowage_worker/decode): Hugging Face's `generate` makes the first token with a
 * cache that is allocated whole beforehand; then one step is run once, captured as a CUDA graph, and replayed.
 */
import type { Execution, ForwardPass, KvCache, ModelFamily, ModelShape } from "./family.ts";
import type { Generation } from "./generate.ts";
import { type GenerationLoop, GreedyLoop } from "./loop.ts";
import type { Torch } from "./torch.ts";

const ID_BYTES = 8;
/** What a captured product takes for cuBLASLt beside the workspace of cuBLAS. */
const CUBLASLT_WORKSPACE_BYTES = 2 ** 20;

export class GraphLoop implements GenerationLoop {
  readonly #torch: Torch;
  readonly #family: ModelFamily;
  readonly #shape: ModelShape;
  readonly #execution: Execution;
  readonly #generation: Generation;
  readonly #prefill: GreedyLoop;
  readonly #kept: number[] = [];
  #isCaptured = false;

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

  /** The buffers that outlive every step: all keys, all values, then what a step reads and writes. */
  begin(batch: number, promptTokens: number): void {
    const torch = this.#torch;
    torch.device = this.#execution.deviceOf("");
    const { newTokens, tensorParallel } = this.#generation;
    const { layers, kvHeads, headDim } = this.#shape;
    const tokenBytes = kvHeads / tensorParallel * headDim * torch.runtime.elementBytes;
    const layerBytes = batch * (promptTokens + newTokens) * tokenBytes;
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
    this.#prefill.begin(batch, promptTokens);
  }

  step(pass: ForwardPass): void {
    if (pass.past === 0) {
      this.#prefill.step({ ...pass, cacheIsGiven: true });
      this.#prefill.end([]);
      this.#keep("output", pass.batch * (pass.query + 1) * ID_BYTES);
      return;
    }
    if (!this.#isCaptured) this.#capture(pass);
    this.#replay(pass);
  }

  /** Every replay finds what the one before found. */
  skipTo(): void {}

  end(_cache: readonly KvCache[]): void {
    this.#torch.free(...this.#kept.splice(0));
  }

  /** One step to compile and to choose algorithms; then the same tensors in a pool that belongs to the graph. */
  #capture({ batch }: ForwardPass): void {
    const torch = this.#torch;
    this.#isCaptured = true;
    const sizes = this.#stepTensors(batch);
    torch.free(...sizes.map(([name, bytes]) => torch.tensor(name, bytes)));
    for (const [name, bytes] of sizes) this.#keep(`${name} (graph)`, bytes, "activation");
    if (batch === 1 || torch.runtime.cublasWorkspaceBytes === 0) return;
    // The stream of the capture has a workspace of its own; single rows go through kernels that need none.
    this.#keep("cuBLAS workspace (graph)", torch.runtime.cublasWorkspaceBytes, "workspace");
    this.#keep("cuBLASLt workspace (graph)", CUBLASLT_WORKSPACE_BYTES, "workspace");
  }

  /** What is alive at the fullest moment of a step, which is its end. */
  #stepTensors(batch: number): [name: string, bytes: number][] {
    const { elementBytes } = this.#torch.runtime;
    return [
      ["hidden", batch * this.#shape.hiddenSize * elementBytes],
      ["ln_f", batch * this.#shape.hiddenSize * elementBytes],
      ["logits", batch * this.#shape.vocabSize * elementBytes],
      ["argmax", batch * ID_BYTES],
    ];
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
    const heads = shape.heads / tensorParallel * shape.headDim;
    const narrow = shape.kvHeads / tensorParallel * shape.headDim;
    const wide = shape.intermediateSize / tensorParallel;
    const isGated = this.#family.graphStep === "gated";
    const product = (name: string, inputs: number, outputs: number, outputBytes = outputs) => {
      const bytes = (batch * (inputs + outputBytes) + inputs * outputs) * elementBytes;
      torch.replayed(name, bytes, 2 * batch * inputs * outputs, "product");
    };
    const rows = (name: string, size: number) => torch.replayed(name, batch * size * elementBytes);

    rows("embedding", 2 * hidden);
    for (let layer = 0; layer < shape.layers; layer++) {
      rows("norm", 2 * hidden);
      if (narrow === heads && !isGated) product("query_key_value", hidden, 3 * heads);
      else {
        product("query", hidden, heads);
        product("key", hidden, narrow);
        product("value", hidden, narrow);
      }
      rows("attention", 2 * heads + 2 * narrow * (past + 1));
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
}
