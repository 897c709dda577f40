/**
 * The symbolic trace of a cell: phase by phase, what is allocated and freed where, what is computed, and what
 * crosses a link. A model family and a strategy write it together into a `TraceSink`; every interpreter
 * (peak memory, time) is such a sink. Bytes are what the program asks for, before an allocator rounds them.
 */

/**
 * `start`: the process with its libraries. `load`: until ready to generate. `warmup` and `capture`: a first generation, where
 * it does what later ones do not, and the graph that it captures, before which cached memory is returned. Then one prefill,
 * and decode steps.
 */
export type Phase = "start" | "load" | "warmup" | "capture" | "prefill" | "decode";

/** What a cell does, as opposed to what a session does once. */
export const CELL_PHASES: readonly Phase[] = ["warmup", "capture", "prefill", "decode"];

/** Index of the host process among the devices of a trace. */
export const HOST = -1;

/** What a tensor is for; the columns of a prediction. */
export type Category =
  | "weights"
  | "kv"
  | "activation"
  | "workspace"
  | "context"
  | "communication";

/** Stands for the stream of tensors in the pool of a captured graph: its blocks are never returned. */
export const GRAPH_POOL = 2;

/** The stream that a graph is captured on, for what is allocated there before its pool is made. */
export const CAPTURE_STREAM = 3;

export interface Tensor {
  /** Device index, or `HOST`. */
  readonly device: number;
  readonly name: string;
  readonly category: Category;
  readonly bytes: number;
  /** Not of PyTorch's allocator, as everything of the category `context` is not. */
  readonly outside?: boolean;
  /**
   * CUDA stream that is current when it is allocated: cached blocks of one stream do not serve another.
   *
   * @default 0
   */
  readonly stream?: number;
  /** Whether the first stream works on it too (`record_stream`): its block comes back when that stream has. */
  readonly lent?: boolean;
  /** Whether the process keeps it for the generations to come: they find it where it is. */
  readonly lasts?: boolean;
}

/**
 * What a kernel is, as far as its speed depends on it. `product`: a matrix product, which may read weights above
 * all. `attention`: batched products of queries with keys or values; `unfused`: those of a replayed step that has no kernel for
 * both; `indexed`: a kernel that computes where each element lies, because its operands do not lie alike (one is smaller, or
 * strided, or of a narrower dtype). Everything else moves bytes.
 */
export type OperationKind = "product" | "attention" | "unfused" | "indexed" | "bytes";

/** One kernel, copy or collective. Its time is the slowest of its terms. */
export interface Operation {
  readonly device: number;
  readonly name: string;
  /** @default `product` where there are FLOPs, else `bytes` */
  readonly kind?: OperationKind;
  /** Floating-point operations; of an `indexed` kernel the places of elements that it computes. */
  readonly flops: number;
  /** Device memory read and written. */
  readonly bytes: number;
  readonly launches: number;
  /** Whether the launches are those of a captured graph, for which the host does nothing. */
  readonly isReplayed?: boolean;
  /** Whether Python calls a communication library for it, which takes the host longer than a kernel. */
  readonly isCollective?: boolean;
  /** Whether it is a copy beside the computation that the host waits for before it goes on. */
  readonly isAwaited?: boolean;
  /** Bytes that this device sends over `link`. */
  readonly linkBytes?: number;
  readonly link?: "device" | "host" | "disk";
}

/** Receives a trace in program order. */
export interface TraceSink {
  /** @param step Number of the decode step from 1; 0 in the other phases. */
  beginPhase(phase: Phase, step: number): void;
  /** @returns A handle for `free`. */
  allocate(tensor: Tensor): number;
  free(handle: number): void;
  run(operation: Operation): void;
}

/** Number of elements of a shape. */
export function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
