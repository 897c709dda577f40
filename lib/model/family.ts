/** What a model family must tell: its shape from a config, its module tree, and its forward pass. */
import type { BehaviourName } from "../catalog/behaviours.ts";
import type { Outcome } from "../diagnostics/diagnostic.ts";
import type { HfConfig } from "../language/pipeline.ts";
import type { Module } from "./module.ts";
import type { Placed, Torch } from "./torch.ts";

/** The numbers of a decoder that every family has. */
export interface ModelShape {
  readonly hiddenSize: number;
  readonly layers: number;
  readonly heads: number;
  /** Fewer than `heads` under grouped-query attention. */
  readonly kvHeads: number;
  readonly headDim: number;
  readonly intermediateSize: number;
  readonly vocabSize: number;
  /** Longest sequence that the position table holds; null where positions have no table. */
  readonly maxPositions: number | null;
  /** Whether queries and keys are normalized head by head. @default false */
  readonly normalizesHeads?: boolean;
  /** The function of the MLP, as configs name it; absent where the family has its own. */
  readonly activation?: string;
  /** Tokens that a layer looks back, itself included; undefined where it looks back to the first. */
  readonly window?: number | undefined;
}

/** One forward pass: `batch` sequences of `query` new tokens behind `past` cached ones. */
export interface ForwardPass {
  readonly batch: number;
  readonly query: number;
  readonly past: number;
  /** Ranks that share each layer; 1 without tensor parallelism. */
  readonly tensorParallel: number;
  /** KV cache handles by layer, kept from pass to pass; empty before the prefill. */
  readonly cache: KvCache[];
  /** Tokens that a static cache has room for; undefined with a dynamic cache. */
  readonly staticLength?: number | undefined;
  /** Whether keys and values go into buffers that the caller has, and attention reads the written part of them. */
  readonly cacheIsGiven?: boolean;
}

/**
 * Tokens that attention looks at: those so far, or all that a static cache has room for. A layer with a sliding window
 * keeps one token less than it.
 */
export function keyLength({ query, past, staticLength }: ForwardPass, window = Infinity): number {
  return staticLength ?? Math.min(past, window - 1) + query;
}

/** Keys and values of one layer: a tensor of each, or one projection that both are views of. */
export type KvCache = readonly Placed[];

/**
 * Linear layers whose bias is not added in the product. `all`: those that DeepSpeed cuts (`add_bias`). `beyond-matrices`: those
 * whose input has more than two dimensions, as in ZeRO's stand-in for `F.linear`.
 */
export type BiasApart = "none" | "beyond-matrices" | "all";

/** What a family writes a forward pass with. */
export interface ForwardCall<S extends ModelShape = ModelShape> {
  readonly shape: S;
  readonly pass: ForwardPass;
  readonly execution: Execution;
  readonly torch: Torch;
}

/** Tokens that a pass takes in, over all sequences. */
export function rowsOf({ batch, query }: ForwardPass): number {
  return batch * query;
}

/** Bytes of the hidden states of a pass. */
export function hiddenBytes({ shape, pass, torch }: ForwardCall): number {
  return rowsOf(pass) * shape.hiddenSize * torch.runtime.elementBytes;
}

/** How a strategy runs modules: where each executes, and what it does around them. */
export interface Execution {
  /** Device that runs the module of this full name. */
  deviceOf(module: string): number;
  /** Called before a module runs: gathers its weights, moves its input of `inputBytes` there. */
  enter(module: string, inputBytes: number): void;
  /** Called when its output exists. */
  leave(module: string): void;
  /** Sums `bytes` over the ranks that share a layer. */
  allReduce(device: number, bytes: number): void;
  /** Device that the cache which a pass returns is sent to; undefined where it stays with its layers. */
  readonly cacheHome?: number | undefined;
  /** Which linear layers add their biases in a kernel of their own. @default "none" */
  readonly biasApart?: BiasApart;
  /** Runs a layer in place of the model's own; absent where the layers are the library's. */
  readonly layer?: ((torch: Torch, call: LayerCall) => BlockOutput) | undefined;
  /** Whether the head multiplies only this rank's part of the hidden size and sums the logits over the ranks. */
  readonly lmHeadSplit: boolean;
}

/** What a layer is called with that takes the place of the model's own. */
export interface LayerCall {
  readonly layer: number;
  readonly hidden: Placed;
  /** Whether the caller names the input as well. */
  readonly isHeld: boolean;
  readonly shape: ModelShape;
  readonly pass: ForwardPass;
}

/** What a layer leaves behind. */
export interface BlockOutput {
  readonly handle: number;
  /** Tensors that end with this layer, before its input does. */
  readonly dropped?: readonly number[];
}

/** A family; `S` is its shape with what only it has. */
export interface ModelFamily<S extends ModelShape = ModelShape> {
  /** Values of `model_type` in a config. */
  readonly modelTypes: readonly string[];
  /** Classes that a device map never splits (`_no_split_modules`). */
  readonly noSplitClasses: readonly string[];
  /** Full name of the module of one layer. */
  blockName(layer: number): string;
  /** Reads the shape, refusing configs that the real model would refuse. */
  shape(config: HfConfig): Outcome<S>;
  /** The module tree that `from_pretrained` builds. */
  modules(shape: S): Module;
  /**
   * Writes one forward pass up to the logits.
   *
   * @returns Handle and bytes of the logits, which the caller frees.
   */
  forward(call: ForwardCall<S>): Logits;
  /** First version of transformers whose passes the trace follows; absent where it follows every one. */
  readonly tracedSince?: string;
  /** Tensors of each layer that are no parameters and that the library keeps beside them. */
  layerBuffers?(
    shape: S,
    behaviours: ReadonlySet<BehaviourName>,
  ): readonly { readonly name: string; readonly bytes: number }[];
  /** The same of the model as a whole. */
  rootBuffers?(
    shape: S,
    behaviours: ReadonlySet<BehaviourName>,
  ): readonly { readonly name: string; readonly bytes: number }[];
  /** Whether `attn_implementation="sdpa"` is refused by the library. @default false */
  readonly eagerOnly?: boolean;
  /** The form of the step that workers capture as a graph, by its MLP; absent where they have none for this family. */
  readonly graphStep?: "plain" | "gated";
  /** Whether any product within a layer adds a bias; asked where there is a step to capture. @default false */
  hasBias?(shape: S): boolean;
  /** Whether positions turn queries and keys. @default false */
  readonly isRotary?: boolean;
  /** Whether the loop hands positions to the model. */
  readonly takesPositionIds: boolean;
}

export interface Logits {
  readonly device: number;
  readonly handle: number;
  readonly bytes: number;
}
