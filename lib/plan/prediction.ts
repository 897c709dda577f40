/**
 * What is predicted of a cell, as plans and results hold it: part of their contract, additive in a minor version of the
 * format.
 */

/** `tight`: it may run out of memory or not. `invalid`: it cannot be launched. `unknown`: nothing is predicted. */
export type Verdict = "fits" | "tight" | "oom" | "invalid" | "unknown";

/** An estimate with its 90 % interval. */
export interface Interval {
  /** 5th percentile. */
  readonly low: number;
  /** The estimate. */
  readonly mid: number;
  /** 95th percentile. */
  readonly high: number;
}

/** What is predicted of a cell. */
export interface Prediction {
  /** The judgement. */
  readonly verdict: Verdict;
  /** Probability of running out of memory, 0 to 1; 0 where nothing is predicted. */
  readonly oomProbability: number;
  /** Largest batch that is predicted to fit, all else equal; null when none does, absent when not searched. */
  readonly largestBatch?: number | null;
  /** In words, the heaviest first. */
  readonly causes: readonly string[];
  /** The resource that is nearest to its capacity, or furthest over it. */
  readonly limit: Limit | null;
  /** One entry for each device that is used. */
  readonly devices: readonly DevicePrediction[];
  /** One entry for each node. */
  readonly hosts: readonly HostPrediction[];
  /** Null for an invalid cell, and where nothing is predicted. */
  readonly time: TimePrediction | null;
}

/** A need against a capacity. */
export interface Limit {
  /** `device:0`, `host`, `shm`, `memlock`, `disk`. */
  readonly resource: string;
  /** When the need is greatest: `start`, `load`, `prefill` or `decode`. */
  readonly phase: string;
  /** The estimate of the need. */
  readonly needBytes: number;
  /** The capacity. */
  readonly haveBytes: number;
}

/** Bytes of one device. Terms that PyTorch's allocator does not have on a CPU are null there. */
export interface DevicePrediction {
  /** Index among all devices. */
  readonly index: number;
  /** Node that it belongs to. */
  readonly node: number;
  /** Weights, after loading. */
  readonly weightsBytes: number;
  /** KV cache at its largest. */
  readonly kvBytes: number;
  /** Activations, at the fullest moment after loading. */
  readonly activationBytes: number;
  /** Workspaces of libraries, at that moment. */
  readonly workspaceBytes: number;
  /** CUDA context and NCCL buffers, or on a `cpu` device the interpreter and the libraries. */
  readonly contextBytes: number;
  /** Buffers of collectives and gathered parameters, at that moment. */
  readonly communicationBytes: number;
  /** What `torch.cuda.max_memory_allocated` would say after loading. */
  readonly loadPeakAllocatedBytes: number | null;
  /** What `torch.cuda.max_memory_allocated` would say after generating. */
  readonly peakAllocatedBytes: number | null;
  /** What `torch.cuda.max_memory_reserved` would say after generating, or when memory ran out. */
  readonly peakReservedBytes: number | null;
  /** Times that PyTorch's allocator had to return its cached memory, each a pause of the device. */
  readonly allocatorRetries: number | null;
  /** All phases, with context, workspace and communication buffers. */
  readonly peakBytes: Interval;
  /** Null when nothing limits the device. */
  readonly capacityBytes: number | null;
}

/** Bytes of the host memory of one node. */
export interface HostPrediction {
  /** Index of the node. */
  readonly node: number;
  /** The most that one process holds. */
  readonly perRankBytes: number;
  /** Page-locked memory of all processes. */
  readonly pinnedBytes: number;
  /** The most that all processes hold. */
  readonly peakBytes: Interval;
  /** Null when nothing limits the host. */
  readonly capacityBytes: number | null;
}

/** Times of one cell. */
export interface TimePrediction {
  /** Start of the launcher to the end of the imports. */
  readonly importSeconds: number;
  /** End of the imports to ready to generate. */
  readonly weightsSeconds: number;
  /** Start to ready to generate, imports included. */
  readonly loadSeconds: Interval;
  /** Wall time to the first new token. */
  readonly prefillMs: Interval;
  /** Wall time of one decode step. */
  readonly msPerStep: Interval;
  /** The seed's unit: wall time of one generate / (batch x new tokens x streams). Lower is better. */
  readonly msPerToken: Interval;
  /** `msPerToken` times `streams`: what one stream sees. */
  readonly msPerTokenPerStream: Interval;
  /** New tokens of all streams together. */
  readonly tokensPerSecond: number;
  /** World size for ds-zero (each rank can take its own inputs), else 1. */
  readonly streams: number;
  /** What a step waits for; `launches` where a slow host would hold it up: such steps differ twofold between machines. */
  readonly bound: "launches" | "memory" | "compute" | "links";
  /** The same of the first pass. */
  readonly prefillBound: "launches" | "memory" | "compute" | "links";
}
