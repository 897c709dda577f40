/**
 * What a strategy must tell: where weights live, what a generation does there, and how it is launched. Each
 * strategy is a folder with `place.ts`, `trace.ts` and `launch.ts`; `registry.ts` lists them.
 */
import type { CalibrationFile } from "../catalog/speed_calibration.ts";
import type { BehaviourName } from "../catalog/behaviours.ts";
import type { Hardware, Model, Stack } from "../catalog/types.ts";
import type { Outcome } from "../diagnostics/diagnostic.ts";
import type { Dtype, TracedSpec } from "../language/pipeline.ts";
import type { ModelFamily, ModelShape } from "../model/family.ts";
import type { DecodeSteps } from "../model/generate.ts";
import type { Module } from "../model/module.ts";
import type { TraceSink } from "../trace/trace.ts";

/** Everything that a strategy may look at. */
export interface StrategyContext {
  readonly family: ModelFamily;
  readonly shape: ModelShape;
  readonly root: Module;
  readonly hardware: Hardware;
  readonly stack: Stack;
  /** What the versions of the stack do. */
  readonly behaviours: ReadonlySet<BehaviourName>;
  readonly use: TracedSpec["use"];
  /** How PyTorch's CUDA allocator is set up. @default "native" */
  readonly allocator?: TracedSpec["allocator"];
  /** Where the weights come from. */
  readonly weights: Model["weights"];
  /** Dtype of the files; absent where they are made in the strategy's own. */
  readonly checkpointDtype?: Dtype;
  /** Set where the weights are files: the ranks that they are cut for, and whether they are that only. */
  readonly shards?: {
    readonly path: string;
    readonly ranks: readonly number[];
    readonly only: boolean;
    /** Shards that no rank may read, by the number of ranks: a file that is not the rank's, and why. */
    readonly misplaced: ReadonlyMap<number, { readonly path: string; readonly reason: string }>;
  };
  /** Whether a script generates, and not a worker of ours. */
  readonly isScript?: boolean;
  /** See `Runtime.frozenWeights`. */
  readonly frozenWeights?: boolean;
  /** Speed constants to use instead of those that ship for their kind of device. */
  readonly calibration?: CalibrationFile;
  /** Cap of one device: the least of its memory and the budget; null where nothing caps it. */
  readonly deviceCapacityBytes: number | null;
  /**
   * Whether a worker caps PyTorch's allocator, as it does under a budget: the cap counts a request as fixed segments would
   * serve it, where the driver is only asked for the pages that an expandable one lacks, and has more of them than the cap
   * allows. @default false
   */
  readonly deviceIsCapped?: boolean;
  /** Cap of one node's processes: the least of its memory and the budget. */
  readonly hostCapacityBytes: number | null;
}

/** What a cell adds to the placement. */
export interface Workload {
  readonly batchSize: number;
  readonly promptTokens: number;
  readonly newTokens: number;
  /** Which decode steps a trace writes; see `Generation.decodeSteps`. */
  readonly decodeSteps?: DecodeSteps;
}

/** A device that a strategy uses. Ranks that are alike share one traced device. */
export interface PlacedDevice {
  readonly index: number;
  readonly node: number;
  /** Index of the device in the trace that tells this one's memory. */
  readonly traced: number;
}

/** A strategy set up for a model on hardware: what is left to say is the workload. */
export interface Placement {
  /** Processes. */
  readonly worldSize: number;
  /** Inputs that can be served at once: the world size for ds-zero, else 1. */
  readonly streams: number;
  readonly devices: readonly PlacedDevice[];
  /** Bytes that all ranks together read from the checkpoint: none where weights are made on the devices. */
  readonly checkpointReadBytes: number;
  /** Bytes of weights that all ranks together move to memory of their own on the host while they load. */
  readonly offloadedBytes?: number;
  /** Whether each rank reads its share of each tensor, rather than whole tensors that it cuts. */
  readonly readsShare?: boolean;
  /**
   * Bytes of one process that are pages of the checkpoint's files: a cpu device counts them, the private memory of
   * the host does not.
   */
  readonly mappedBytes: { readonly loading: number; readonly generating: number };
  /** Whether weights that are kept on the host are in pinned memory. */
  readonly pinsWeights: boolean;
  /** Whether weights are kept elsewhere and brought to the device for the modules that need them. */
  readonly bringsWeights?: boolean;
  /**
   * Set where something of the first pass stays for the life of the process, such as a workspace that is sized once: each
   * cell then needs a process of its own. Otherwise one process serves all cells.
   */
  readonly servesOneCell?: boolean;
  /** Modules that the strategy hooks; all of the model's where it does not say. */
  readonly hookedModules?: number;
  /** How far off a fitted constant of the trace may be, for each device: bytes less, and bytes more. */
  readonly doubtBytes?: { readonly below: number; readonly above: number };
  /**
   * Placements of one strategy, of one pipeline but for its hardware and budget, write the same traces where this is the
   * same.
   */
  readonly traceKey: string;
  /** Set where gathered parameters come back to the allocator late: see `LentBytes`. */
  readonly lent?: LentBytes;
  /** Writes all phases of one process, host included. */
  trace(workload: Workload, sink: TraceSink): void;
}

/**
 * Gathered parameters that the computation still reads when they are dropped: their blocks come back to the allocator of
 * the gathers' stream only when it has passed, so that what that stream reserves depends on how far the host is ahead.
 */
export interface LentBytes {
  /** The largest parameter, whose block does or does not serve a second time: blocks of others may lie in it by then. */
  readonly largest: number;
  /** All others: as much more is reserved where the host has dropped them before any has come back. */
  readonly others: number;
}

export interface Strategy<S extends TracedSpec = TracedSpec> {
  readonly use: S["use"];
  /** Options whose value can make a combination impossible rather than wrong; see `place`. */
  place(spec: S, context: StrategyContext): Outcome<Placement>;
  /** Processes are started with this; see `Launch` for the placeholders. */
  launch(spec: S, context: StrategyContext, placement: Placement): StrategyLaunch;
  /** Why its steps cannot be captured as a graph; absent where nothing of the strategy itself stands in the way. */
  graphObstacle?(spec: S, placement: Placement | undefined): string | undefined;
  /** Whether each rank reads files that were cut for it; absent where none can. */
  readsShards?(spec: S): boolean;
}

export interface StrategyLaunch {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** DeepSpeed's configuration, for the strategies that have one. */
  readonly deepspeedConfig?: Readonly<Record<string, unknown>>;
}

/** Bytes of one element of activations and cache: what is quantized is multiplied with float16. */
export function computationBytes(dtype: Dtype): number {
  return DTYPE_BYTES[dtype === "int8" ? "float16" : dtype];
}

/** Bytes of one element of a weight; see `weightElementBytes` for what int8 leaves alone. */
export const DTYPE_BYTES: Readonly<Record<Dtype, number>> = {
  float32: 4,
  float16: 2,
  bfloat16: 2,
  int8: 1,
};
