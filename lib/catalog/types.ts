/** What the catalog resolves names to: the facts that predictions start from. */
import type { Dtype, HfConfig } from "../language/pipeline.ts";

/** One kind of device. `cpu` stands for one worker process. */
export interface Device {
  readonly kind: string;
  readonly type: "gpu" | "cpu";
  /** Bytes that `torch.cuda.get_device_properties().total_memory` reports; for `cpu` set by the budget. */
  readonly memoryBytes: number | null;
  /** Data-sheet rate of device memory. */
  readonly bandwidthBytesPerSecond: number;
  /** Data-sheet dense rate in FLOP/s for each dtype that the device computes in. */
  readonly flops: Readonly<Partial<Record<Dtype | "int8", number>>>;
  /** Multiprocessors times their boost clock; absent on CPUs and where the pipeline spells a device out. */
  readonly multiprocessorHertz?: number;
  /** Rate in one direction to another device of the node. */
  readonly linkBytesPerSecond: number;
  /** Rate in one direction between host and device. */
  readonly hostLinkBytesPerSecond: number;
}

/** A cluster of like nodes. */
export interface Hardware {
  readonly name?: string;
  readonly nodes: number;
  readonly deviceCount: number;
  readonly device: Device;
  /** Host memory of a node. */
  readonly memoryBytes?: number;
  /** Rate at which one process reads checkpoints. */
  readonly diskBytesPerSecond?: number;
  /** Processes of a node that get this rate at the same time: more than one on a parallel file system. */
  readonly diskReaders?: number;
}

/** A set of library versions. */
export interface Stack {
  readonly name: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly runnable: boolean;
}

/** A model whose config is known. */
export interface Model {
  readonly name: string;
  readonly config: HfConfig;
  readonly weights: "random" | "on-device" | "files";
  /** Absolute folder of the weight files. */
  readonly weightsPath?: string;
  /** Numbers of ranks that the weights are cut for, beside being whole or instead. */
  readonly shardedFor?: readonly number[];
  /** Shards that no rank may read, by the number of ranks: a file that is not the rank's, and why. */
  readonly misplacedShards?: ReadonlyMap<
    number,
    { readonly path: string; readonly reason: string }
  >;
  /** Whether the folder has shards and no whole checkpoint. */
  readonly isSharded?: boolean;
  /** Exact tensors, read from safetensors headers; absent when only the config is known. */
  readonly tensors?: readonly CheckpointTensor[];
  /** Files that were read, for the plan's list of inputs. */
  readonly files: readonly string[];
  /** Files of weights, of which only the start was read, if anything. */
  readonly weightFiles: readonly WeightFile[];
}

/** A file that is too large to be hashed: its size and its start stand for it. */
export interface WeightFile {
  readonly path: string;
  readonly bytes: number;
  /** Bytes at the start that say what is inside: the header of a safetensors file. */
  readonly headBytes: number;
}

export interface CheckpointTensor {
  readonly name: string;
  /** Spelling of safetensors: `F32`, `BF16`, `F16`, ... */
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: number;
  /** Its first byte, counted from the end of the header of its file. */
  readonly begin: number;
  /** File name within the folder. */
  readonly file: string;
}
