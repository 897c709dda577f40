/**
 * The plan: everything that a run will do and everything that is predicted of it, as plain JSON. It is a
 * contract with users and other tools: additive in a minor version of the format.
 */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import type {
  AxisValue,
  BenchmarkSpec,
  BudgetSpec,
  GenerateSpec,
  HfConfig,
  StrategySpec,
} from "../language/pipeline.ts";

export const FORMAT_VERSION = "1.0";

/** An estimate with its 90 % interval. */
export interface Interval {
  readonly low: number;
  readonly mid: number;
  readonly high: number;
}

/** What `plan --format json` prints, `plan --out` saves and `run plan.json` executes. */
export interface Plan {
  readonly formatVersion: typeof FORMAT_VERSION;
  readonly tool: { readonly name: "stowage"; readonly version: string };
  readonly pipeline: PlanPipeline;
  /** Every file that the plan was made from; `run plan.json` refuses when one has changed. */
  readonly inputs: readonly PlanInput[];
  readonly model: PlanModel;
  readonly hardware: PlanHardware;
  readonly stack: PlanStack;
  readonly generate: GenerateSpec;
  readonly prompts: PlanPrompts;
  readonly budget: BudgetSpec;
  readonly benchmark: BenchmarkSpec;
  readonly seed: number;
  /** Interpreter named by the pipeline or by `--python`. */
  readonly python?: string;
  readonly sessions: readonly PlanSession[];
  readonly cells: readonly PlanCell[];
  readonly diagnostics: readonly Diagnostic[];
}

export interface PlanPipeline {
  readonly name: string;
  readonly path: string;
  readonly sha256: string;
}

export interface PlanInput {
  readonly path: string;
  readonly sha256: string;
}

export interface PlanModel {
  readonly name: string;
  readonly config: HfConfig;
  readonly weights: "random" | "on-device" | "files";
  /** Absolute folder of real files. */
  readonly weightsPath?: string;
  readonly parameters: number;
}

export interface PlanHardware {
  readonly name?: string;
  readonly nodes: number;
  readonly devices: {
    readonly count: number;
    readonly kind: string;
    /** Least of memory and budget; null when neither is known (a cpu device without a budget). */
    readonly capacityBytes: number | null;
  };
  readonly memoryBytes?: number;
  readonly diskBytesPerSecond?: number;
}

export interface PlanStack {
  readonly name: string;
  /** Package name to version. */
  readonly versions: Readonly<Record<string, string>>;
  /** Whether this tool can install and run it, or only predict it. */
  readonly runnable: boolean;
}

export interface PlanPrompts {
  readonly source: "synthetic" | "builtin" | "file";
  /** Texts for `builtin` and `file`; none for synthetic ids. */
  readonly texts: readonly string[];
}

/** One launch: loads a model once and serves many cells. */
export interface PlanSession {
  readonly id: string;
  /** Name of the strategy as the pipeline has it. */
  readonly strategy: string;
  readonly worldSize: number;
  readonly launch: Launch;
  readonly cellIds: readonly string[];
}

/**
 * How a session starts. `{python}`, `{session}` (the session's folder), `{workers}` (the folder of the worker
 * scripts), `{cache}`, `{port}` and `{threads}` are filled in when it is launched; no text of a pipeline stands in `argv` or `env`.
 */
export interface Launch {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** File name in the session's folder to content. */
  readonly files: Readonly<Record<string, string>>;
}

export interface PlanCell {
  readonly id: string;
  /** Hash of everything that decides the cell's result: cell, model, stack, benchmark, worker source. */
  readonly key: string;
  readonly strategy: StrategySpec;
  readonly axes: Readonly<Record<string, AxisValue>>;
  readonly model: string;
  readonly batchSize: number;
  readonly promptTokens: number;
  readonly newTokens: number;
  /** Null for a cell that no session serves: invalid. */
  readonly sessionId: string | null;
  /** Why a run would, or would not, launch it. */
  readonly reason: string;
  readonly prediction: Prediction;
}

export type Verdict = "fits" | "tight" | "oom" | "invalid";

export interface Prediction {
  readonly verdict: Verdict;
  readonly oomProbability: number;
  /** Largest batch that is predicted to fit, all else equal; null when none does. */
  readonly largestBatch: number | null;
  /** In words, the heaviest first. */
  readonly causes: readonly string[];
  /** The resource that is nearest to its capacity, or furthest over it. */
  readonly limit: Limit | null;
  readonly devices: readonly DevicePrediction[];
  readonly hosts: readonly HostPrediction[];
  readonly time: TimePrediction | null;
}

export interface Limit {
  /** `device:0`, `host`, `shm`, `memlock`, `disk`. */
  readonly resource: string;
  readonly phase: string;
  readonly needBytes: number;
  readonly haveBytes: number;
}

/** Bytes of one device. Terms that PyTorch's allocator does not have on a CPU are null there. */
export interface DevicePrediction {
  readonly index: number;
  readonly node: number;
  readonly weightsBytes: number;
  readonly kvBytes: number;
  readonly activationBytes: number;
  readonly workspaceBytes: number;
  /** CUDA context, or on a `cpu` device the interpreter and the libraries. */
  readonly contextBytes: number;
  readonly communicationBytes: number;
  readonly loadPeakAllocatedBytes: number | null;
  readonly peakAllocatedBytes: number | null;
  readonly peakReservedBytes: number | null;
  /** All phases, with context, workspace and communication buffers. */
  readonly peakBytes: Interval;
  /** Null when nothing limits the device. */
  readonly capacityBytes: number | null;
}

export interface HostPrediction {
  readonly node: number;
  readonly perRankBytes: number;
  readonly pinnedBytes: number;
  readonly peakBytes: Interval;
  readonly capacityBytes: number | null;
}

export interface TimePrediction {
  readonly importSeconds: number;
  readonly weightsSeconds: number;
  /** Start to ready to generate, imports included. */
  readonly loadSeconds: Interval;
  readonly prefillMs: Interval;
  readonly msPerStep: Interval;
  /** The seed's unit: wall time of one generate / (batch x new tokens x streams). Lower is better. */
  readonly msPerToken: Interval;
  readonly msPerTokenPerStream: Interval;
  readonly tokensPerSecond: number;
  /** World size for ds-zero (each rank can take its own inputs), else 1. */
  readonly streams: number;
}
