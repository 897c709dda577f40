/**
 * The plan: everything that a run will do and everything that is predicted of it, as plain JSON. It is a
 * contract with users and other tools: additive in a minor version of the format.
 */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import type {
  AxisValue,
  BenchmarkSpec,
  BudgetSpec,
  ExecutionSpec,
  GenerateSpec,
  HfConfig,
  StrategySpec,
} from "../language/pipeline.ts";
import type { Prediction } from "./prediction.ts";

/** Version of the format; a minor version only adds. */
export const FORMAT_VERSION = "1.0";

/** What `plan --format json` prints, `plan --out` saves and `run plan.json` executes. */
export interface Plan {
  /** Version of the format. */
  readonly formatVersion: typeof FORMAT_VERSION;
  /** What made the plan. */
  readonly tool: {
    readonly name: "stowage";
    readonly version: string;
    /** Of all worker scripts together. */
    readonly workersSha256: string;
  };
  /** The file that it was made from. */
  readonly pipeline: PlanPipeline;
  /** Every file that the plan was made from; `run plan.json` refuses when one has changed. */
  readonly inputs: readonly PlanInput[];
  /** The model that was resolved. */
  readonly model: PlanModel;
  /** The hardware that was resolved. */
  readonly hardware: PlanHardware;
  /** The library versions that behaviours were looked up by. */
  readonly stack: PlanStack;
  /** Arguments of Hugging Face `generate`. */
  readonly generate: GenerateSpec;
  /** What the model continues. */
  readonly prompts: PlanPrompts;
  /** Caps on memory. */
  readonly budget: BudgetSpec;
  /** How each cell is measured. */
  readonly benchmark: BenchmarkSpec;
  /** How sessions are run; absent in plans of earlier versions. */
  readonly execution?: ExecutionSpec;
  /** Seeds random weights and synthetic prompts. */
  readonly seed: number;
  /** Interpreter named by the pipeline or by `--python`. */
  readonly python?: string;
  /** What would be launched. */
  readonly sessions: readonly PlanSession[];
  /** Every cell with its prediction, in the order of the pipeline. */
  readonly cells: readonly PlanCell[];
  /** Warnings and notes; a plan has no errors. */
  readonly diagnostics: readonly Diagnostic[];
}

/** The pipeline file of a plan. */
export interface PlanPipeline {
  /** Name of the pipeline. */
  readonly name: string;
  /** As the user gave it. */
  readonly path: string;
  /** Hash of its text, in hex. */
  readonly sha256: string;
}

/** A file that a plan was made from. */
export interface PlanInput {
  /** As it was read. */
  readonly path: string;
  /** Hash of its text, in hex; of a file of weights, that of its first `headBytes` bytes. */
  readonly sha256: string;
  /** Size of a file of weights, which is too large to be hashed. */
  readonly bytes?: number;
  /** What the hash is of, where it is not of everything. */
  readonly headBytes?: number;
}

/** The model of a plan. */
export interface PlanModel {
  /** Name in the catalog, or as the pipeline has it. */
  readonly name: string;
  /** Its `config.json`. */
  readonly config: HfConfig;
  /** Where weights come from; see the pipeline. */
  readonly weights: "random" | "on-device" | "files";
  /** Absolute folder of real files. */
  readonly weightsPath?: string;
  /** Number of parameters, shared ones once. */
  readonly parameters: number;
}

/** The hardware of a plan; numbers are for one node. */
export interface PlanHardware {
  /** Name in the catalog. */
  readonly name?: string;
  /** Number of nodes, all alike. */
  readonly nodes: number;
  /** Devices of one node. */
  readonly devices: {
    readonly count: number;
    readonly kind: string;
    /** Least of memory and budget; null when neither is known (a cpu device without a budget). */
    readonly capacityBytes: number | null;
  };
  /** Host memory of one node. */
  readonly memoryBytes?: number;
  /** Rate at which one node reads checkpoints. */
  readonly diskBytesPerSecond?: number;
}

/** The library versions of a plan. */
export interface PlanStack {
  /** Name in the catalog, or what the versions were called. */
  readonly name: string;
  /** Package name to version. */
  readonly versions: Readonly<Record<string, string>>;
  /** Whether this tool can install and run it, or only predict it. */
  readonly runnable: boolean;
}

/** The prompts of a plan. */
export interface PlanPrompts {
  /** Seeded token ids, the built-in sentences, or the lines of a file. */
  readonly source: "synthetic" | "builtin" | "file";
  /** Texts for `builtin` and `file`; none for synthetic ids. */
  readonly texts: readonly string[];
}

/** One launch: loads a model once and serves many cells. */
export interface PlanSession {
  /** Unique within the plan; also the name of its folder. */
  readonly id: string;
  /** Name of the strategy as the pipeline has it. */
  readonly strategy: string;
  /** Number of processes. */
  readonly worldSize: number;
  /** Devices that it takes of one node; absent in plans of earlier versions. */
  readonly devices?: number;
  /** How it starts. */
  readonly launch: Launch;
  /** Whether its process can serve no second cell. */
  readonly servesOneCell?: boolean;
  /** Absolute folder in which a script's command starts. */
  readonly directory?: string;
  /** The cells that it serves, in the order in which they run. */
  readonly cellIds: readonly string[];
}

/**
 * How a session starts. `{python}`, `{session}` (the session's folder), `{workers}` (the folder of the worker
 * scripts), `{devices}` (indices of the GPUs, one a rank), `{port}` and `{threads}` are filled in when it is launched; no text of a
 * pipeline stands in `argv` or `env`.
 */
export interface Launch {
  /** Program and arguments. */
  readonly argv: readonly string[];
  /** Environment variables that are set for it. */
  readonly env: Readonly<Record<string, string>>;
  /** File name in the session's folder to content. */
  readonly files: Readonly<Record<string, string>>;
}

/** A cell with its prediction. */
export interface PlanCell {
  /** `name/axis=value,...`, unique within the plan. */
  readonly id: string;
  /** Hash of everything that decides the cell's result: cell, model, stack, benchmark, worker source. */
  readonly key: string;
  /** With the values of the axes applied. */
  readonly strategy: StrategySpec;
  /** The axis values that made the cell. */
  readonly axes: Readonly<Record<string, AxisValue>>;
  /** Name of the model. */
  readonly model: string;
  /** Sequences that are generated together. */
  readonly batchSize: number;
  /** Length of every prompt. */
  readonly promptTokens: number;
  /** Tokens that are generated for every prompt. */
  readonly newTokens: number;
  /** Null for a cell that no session serves: invalid. */
  readonly sessionId: string | null;
  /** Why a run would, or would not, launch it. */
  readonly reason: string;
  /** What is predicted of it. */
  readonly prediction: Prediction;
}
