/**
 * The normalized pipeline: what a file means once sugar is gone. Plain JSON, sizes in bytes, every default
 * filled in. Each later stage reads this and nothing else of the language.
 */

/** A whole pipeline file, normalized. */
export interface Pipeline {
  /** Written, or the name of the file without its ending. */
  readonly name: string;
  /** What is served. */
  readonly model: ModelSpec;
  /** What it is served on. */
  readonly hardware: HardwareSpec;
  /** Library versions. */
  readonly stack: StackSpec;
  /** Arguments of Hugging Face `generate`. */
  readonly generate: GenerateSpec;
  /** What the model continues. */
  readonly prompts: PromptsSpec;
  /** The ways of serving that are compared, in the order of the file. */
  readonly strategies: readonly StrategySpec[];
  /** What makes cells of the strategies. */
  readonly grid: GridSpec;
  /** Caps on memory. */
  readonly budget: BudgetSpec;
  /** How a cell is measured. */
  readonly benchmark: BenchmarkSpec;
  /** How sessions are run. */
  readonly execution: ExecutionSpec;
  /** Where workers run. */
  readonly environment: EnvironmentSpec;
  /** Seeds the random weights and the synthetic prompts. */
  readonly seed: number;
}

/** A Hugging Face `config.json`, verbatim. */
export type HfConfig = Readonly<Record<string, unknown>>;

/** Exactly one of `catalog`, `path` and `config` says what the model is. */
export interface ModelSpec {
  /** What reports call it. */
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
  /** Folder of real files, relative to the pipeline file. */
  readonly weightsPath?: string;
}

/** Nodes are alike. Numbers are per node. */
export interface HardwareSpec {
  /** Name in the catalog, as written; then only `nodes` may be set beside it. */
  readonly catalog?: string;
  /** Number of nodes. */
  readonly nodes: number;
  /** Devices of one node. */
  readonly devices?: DevicesSpec;
  /** Host memory of one node. */
  readonly memoryBytes?: number;
  /** Rate at which one node reads checkpoints. */
  readonly diskBytesPerSecond?: number;
}

/** `8x A100-SXM4-80GB`, or the same with the numbers of a device that the catalog lacks. */
export interface DevicesSpec {
  /** Devices of one node. */
  readonly count: number;
  /** Name in the catalog, `cpu`, or a name of its own when the numbers are given. */
  readonly kind: string;
  /** Memory of one device that PyTorch can use. */
  readonly memoryBytes?: number;
  /** Rate of device memory. */
  readonly bandwidthBytesPerSecond?: number;
  /** Dense FLOP/s, taken for every dtype. */
  readonly flops?: number;
  /** Rate in one direction to another device of the node. */
  readonly linkBytesPerSecond?: number;
}

/** A named set of library versions, or the versions spelled out. */
export type StackSpec =
  | { readonly name: string }
  | { readonly versions: Readonly<Record<string, string>> };

/** Arguments of Hugging Face `generate`, in its spelling. `min_length` and `max_length` count the prompt. */
export interface GenerateSpec {
  /** New tokens for every prompt. */
  readonly max_new_tokens?: number;
  /** Least number of new tokens. */
  readonly min_new_tokens?: number;
  /** Least length of prompt and new tokens together. */
  readonly min_length?: number;
  /** Length of prompt and new tokens together. */
  readonly max_length?: number;
  /** Always false: strategies are compared by their tokens. */
  readonly do_sample: false;
}

/** Every prompt is padded on the left, or cut, to exactly `tokens`. */
export interface PromptsSpec {
  /** Every prompt is padded or cut to this many tokens. */
  readonly tokens: number;
  /** Seeded token ids, the built-in sentences, or the lines of a file. */
  readonly source: "synthetic" | "builtin" | "file";
  /** One prompt a line; relative to the pipeline file. */
  readonly file?: string;
}

/**
 * Type of the weights and of the computation. `int8`: the matrices of the layers, quantized as they are loaded; the
 * rest and the computation are float16.
 */
export type Dtype = "float32" | "float16" | "bfloat16" | "int8";

/** What every strategy has, whatever runs it. */
export interface StrategyBase {
  /** First part of the ids of its cells. */
  readonly name: string;
  /** Type of the weights and of the computation. */
  readonly dtype: Dtype;
  /** PyTorch's caching allocator: fixed or expandable segments. A plan settles what the pipeline leaves open. */
  readonly allocator?: "native" | "expandable";
}

/** Options of every strategy that Stowage itself runs. */
export interface StrategyCommon extends StrategyBase {
  /** Hugging Face `attn_implementation`. */
  readonly attention: "eager" | "sdpa";
  /** Key-value cache: grown step by step, or allocated whole beforehand. `decode: graph` has one of its own, static. */
  readonly cache: "dynamic" | "static";
  /**
   * Hugging Face's loop for every token, or the replay of one captured step for those after the first. A plan settles
   * what the pipeline leaves open.
   */
  readonly decode?: "eager" | "graph";
}

/** Hugging Face `device_map`: one process, layers spread over the devices. */
export interface AccelerateSpec extends StrategyCommon {
  /** Tells the strategies apart. */
  readonly use: "accelerate";
  /** How the layers are spread: a word of Accelerate, or module name to device. */
  readonly deviceMap:
    | "auto"
    | "balanced"
    | "balanced_low_0"
    | "sequential"
    | Readonly<Record<string, string | number>>;
  /** Bytes per device index or `cpu`, as accelerate's `max_memory`. */
  readonly maxMemory?: Readonly<Record<string, number>>;
  /** Folder for the modules that the device map puts on disk. */
  readonly offloadFolder?: string;
}

/** DeepSpeed-Inference: `init_inference` with tensor parallelism, one rank per device. */
export interface DsInferenceSpec extends StrategyCommon {
  /** Tells the strategies apart. */
  readonly use: "ds-inference";
  /** Default: every device of the hardware. */
  readonly tensorParallel?: number;
  /** Whether layers are replaced by fused kernels. */
  readonly kernelInject: boolean;
  /** Tokens, prompt included, that the workspace of the fused kernels has room for. */
  readonly maxOutTokens?: number;
  /** Whether each rank takes its part of a whole checkpoint or reads a file of its own. */
  readonly checkpoint: "unsharded" | "presharded";
}

/** DeepSpeed ZeRO-Inference: stage 3, one rank per device, parameters gathered layer by layer. */
export interface DsZeroSpec extends StrategyCommon {
  /** Tells the strategies apart. */
  readonly use: "ds-zero";
  /** Where parameters live between layers. */
  readonly offload: "none" | "cpu" | "nvme";
  /** Folder on a local drive, for `offload: nvme`. */
  readonly nvmePath?: string;
  /** Whether offloaded parameters are in pinned host memory. */
  readonly pinMemory: boolean;
  /** What is gathered together, with one pair of hooks; left open, the planner decides. */
  readonly gather?: "module" | "layer";
  /** DeepSpeed's own configuration keys, merged over the seed's. */
  readonly config?: Readonly<Record<string, unknown>>;
}

/** A strategy whose library is known: it can be traced, and so predicted. */
export type TracedSpec = AccelerateSpec | DsInferenceSpec | DsZeroSpec;

/** A traced strategy that stands in for a script: what it has in common with the script is said there. */
export type StandInSpec = TracedSpec extends infer S
  ? S extends TracedSpec ? Omit<S, keyof StrategyBase> : never
  : never;

/** A command of the user's own, a process for each cell, that prints a stats block as the scripts of 2022 did. */
export interface ScriptSpec extends StrategyBase {
  /** Tells the strategies apart. */
  readonly use: "script";
  /** Program and arguments, with placeholders such as `{{ batchSize }}`. No shell reads them. */
  readonly command: readonly string[];
  /** The strategy whose prediction stands beside the measurement; without it nothing is predicted. */
  readonly predictAs?: StandInSpec;
}

/** A way of serving the model with its options, told apart by `use`. */
export type StrategySpec = TracedSpec | ScriptSpec;

/** One value of an axis. */
export type AxisValue = string | number | boolean;

/** A matrix in the manner of a CI file; `axes` keep the order in which the file lists them. */
export interface GridSpec {
  /** In the order of the file; every combination is a cell. */
  readonly axes: readonly { readonly name: string; readonly values: readonly AxisValue[] }[];
  /** Cells to add. */
  readonly include: readonly Readonly<Record<string, AxisValue>>[];
  /** Cells to take away. */
  readonly exclude: readonly Readonly<Record<string, AxisValue>>[];
}

/** Caps on memory, enforced in the workers too. */
export interface BudgetSpec {
  /** The most that one device may hold, context included; enforced in the worker too. */
  readonly deviceBytes?: number;
  /** The most that all processes of a node may hold. */
  readonly hostBytes?: number;
  /** What `run` does with a cell that is predicted to run out of memory. */
  readonly predictedOom: "skip" | "run" | "only";
}

/** How a cell is measured. */
export interface BenchmarkSpec {
  /** Untimed generations before the timed ones. */
  readonly warmup: number;
  /** Timed generations. */
  readonly cycles: number;
  /** A cell that takes longer is ended. */
  readonly timeoutSeconds: number;
}

/** How sessions are run. */
export interface ExecutionSpec {
  /** Most sessions that run side by side, each on devices of its own. */
  readonly sessions: number;
}

/** Where workers run. */
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
  /** With the values of the axes applied. */
  readonly strategy: StrategySpec;
  /** Sequences that are generated together. */
  readonly batchSize: number;
  /** Length of every prompt. */
  readonly promptTokens: number;
  /** Tokens that are generated for every prompt. */
  readonly newTokens: number;
  /** The axis values that made the cell, in grid order. */
  readonly axes: Readonly<Record<string, AxisValue>>;
}
