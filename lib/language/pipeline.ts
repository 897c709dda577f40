/**
 * The normalized pipeline: what a file means once sugar is gone. Plain JSON, sizes in bytes, every default
 * filled in. Each later stage reads this and nothing else of the language.
 */

/** A whole pipeline file, normalized. */
export interface Pipeline {
  readonly name: string;
  readonly model: ModelSpec;
  readonly hardware: HardwareSpec;
  readonly stack: StackSpec;
  readonly generate: GenerateSpec;
  readonly prompts: PromptsSpec;
  readonly strategies: readonly StrategySpec[];
  readonly grid: GridSpec;
  readonly budget: BudgetSpec;
  readonly benchmark: BenchmarkSpec;
  readonly environment: EnvironmentSpec;
  /** Seeds the random weights and the synthetic prompts. */
  readonly seed: number;
}

/** A Hugging Face `config.json`, verbatim. */
export type HfConfig = Readonly<Record<string, unknown>>;

/** Exactly one of `catalog`, `path` and `config` says what the model is. */
export interface ModelSpec {
  readonly name: string;
  /** Name in the catalog, as written. */
  readonly catalog?: string;
  /** Folder of a checkpoint or path of a `config.json`, relative to the pipeline file. */
  readonly path?: string;
  /** Inline config. */
  readonly config?: HfConfig;
  /**
   * `random`: a seeded checkpoint in the cache, loaded by the real code. `on-device`: no file, loading is
   * not compared. `files`: real files in the folder `weightsPath`.
   */
  readonly weights: "random" | "on-device" | "files";
  readonly weightsPath?: string;
}

/** Nodes are alike. Numbers are per node. */
export interface HardwareSpec {
  /** Name in the catalog, as written; then only `nodes` may be set beside it. */
  readonly catalog?: string;
  readonly nodes: number;
  readonly devices?: DevicesSpec;
  readonly memoryBytes?: number;
  readonly diskBytesPerSecond?: number;
}

/** `8x A100-SXM4-80GB`, or the same with the numbers of a device that the catalog lacks. */
export interface DevicesSpec {
  readonly count: number;
  readonly kind: string;
  readonly memoryBytes?: number;
  readonly bandwidthBytesPerSecond?: number;
  readonly flops?: number;
  readonly linkBytesPerSecond?: number;
}

/** A named set of library versions, or the versions spelled out. */
export type StackSpec =
  | { readonly name: string }
  | { readonly versions: Readonly<Record<string, string>> };

/** Arguments of Hugging Face `generate`, in its spelling. `min_length` and `max_length` count the prompt. */
export interface GenerateSpec {
  readonly max_new_tokens?: number;
  readonly min_new_tokens?: number;
  readonly min_length?: number;
  readonly max_length?: number;
  readonly do_sample: false;
}

/** Every prompt is padded on the left, or cut, to exactly `tokens`. */
export interface PromptsSpec {
  readonly tokens: number;
  readonly source: "synthetic" | "builtin" | "file";
  /** One prompt a line; relative to the pipeline file. */
  readonly file?: string;
}

export type Dtype = "float32" | "float16" | "bfloat16";

interface StrategyCommon {
  readonly name: string;
  readonly dtype: Dtype;
  readonly attention: "eager" | "sdpa";
  readonly allocator: "native" | "expandable";
}

/** Hugging Face `device_map`: one process, layers spread over the devices. */
export interface AccelerateSpec extends StrategyCommon {
  readonly use: "accelerate";
  readonly deviceMap:
    | "auto"
    | "balanced"
    | "balanced_low_0"
    | "sequential"
    | Readonly<Record<string, string | number>>;
  /** Bytes per device index or `cpu`, as accelerate's `max_memory`. */
  readonly maxMemory?: Readonly<Record<string, number>>;
  readonly offloadFolder?: string;
}

/** DeepSpeed-Inference: `init_inference` with tensor parallelism, one rank per device. */
export interface DsInferenceSpec extends StrategyCommon {
  readonly use: "ds-inference";
  /** Default: every device of the hardware. */
  readonly tensorParallel?: number;
  readonly kernelInject: boolean;
  readonly maxOutTokens?: number;
  readonly checkpoint: "unsharded" | "presharded";
}

/** DeepSpeed ZeRO-Inference: stage 3, one rank per device, parameters gathered layer by layer. */
export interface DsZeroSpec extends StrategyCommon {
  readonly use: "ds-zero";
  readonly offload: "none" | "cpu" | "nvme";
  readonly nvmePath?: string;
  readonly pinMemory: boolean;
  /** DeepSpeed's own configuration keys, merged over the seed's. */
  readonly config?: Readonly<Record<string, unknown>>;
}

export type StrategySpec = AccelerateSpec | DsInferenceSpec | DsZeroSpec;

export type AxisValue = string | number | boolean;

/** A matrix in the manner of a CI file; `axes` keep the order in which the file lists them. */
export interface GridSpec {
  readonly axes: readonly { readonly name: string; readonly values: readonly AxisValue[] }[];
  readonly include: readonly Readonly<Record<string, AxisValue>>[];
  readonly exclude: readonly Readonly<Record<string, AxisValue>>[];
}

export interface BudgetSpec {
  /** The most that one device may hold, context included; enforced in the worker too. */
  readonly deviceBytes?: number;
  /** The most that all processes of a node may hold. */
  readonly hostBytes?: number;
  /** What `run` does with a cell that is predicted to run out of memory. */
  readonly predictedOom: "skip" | "run" | "only";
}

export interface BenchmarkSpec {
  /** Untimed generations before the timed ones. */
  readonly warmup: number;
  /** Timed generations. */
  readonly cycles: number;
  /** A cell that takes longer is ended. */
  readonly timeoutSeconds: number;
}

export interface EnvironmentSpec {
  /** A Python interpreter that already has the stack; without it a virtual environment is made. */
  readonly python?: string;
}

/** One point of the grid under one strategy, with the axes applied. */
export interface CellSpec {
  /** `name/axis=value,...`, unique within the pipeline. */
  readonly id: string;
  /** Place in `pipeline.strategies`. */
  readonly strategyIndex: number;
  readonly strategy: StrategySpec;
  readonly batchSize: number;
  readonly promptTokens: number;
  readonly newTokens: number;
  /** The axis values that made the cell, in grid order. */
  readonly axes: Readonly<Record<string, AxisValue>>;
}
