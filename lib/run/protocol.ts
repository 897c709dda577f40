/**
 * What the engine and a worker say to each other. The engine writes one `request.json` into the session's
 * folder and appends one JSON object a line to `commands.jsonl` beside it, which every rank follows; each rank appends
 * one a line to `events/rank-<N>.jsonl`. What a worker prints is a log, never data.
 */
import type { BenchmarkSpec, GenerateSpec, HfConfig, StrategySpec } from "../language/pipeline.ts";

/** `request.json`. Paths are absolute. */
export interface WorkerRequest {
  readonly formatVersion: "1.0";
  readonly sessionId: string;
  /** The strategy of the session's cells, its options included. */
  readonly strategy: StrategySpec;
  readonly worldSize: number;
  readonly device: "cpu" | "cuda";
  readonly model: {
    readonly name: string;
    readonly config: HfConfig;
    /** `files`: load from `path`. `on-device`: make random weights where they will live. */
    readonly weights: "files" | "on-device";
    readonly path: string | null;
  };
  readonly seed: number;
  readonly generate: GenerateSpec;
  readonly prompts: {
    readonly source: "synthetic" | "builtin" | "file";
    readonly texts: readonly string[];
  };
  readonly benchmark: BenchmarkSpec;
  /** Cap of one device in bytes; null for none. */
  readonly deviceCapBytes: number | null;
  /** DeepSpeed's configuration (ds-zero), as an object. */
  readonly deepspeedConfig: Readonly<Record<string, unknown>> | null;
  /** Run first, in this order; the engine leaves it empty and asks for cells one by one. */
  readonly cells: readonly WorkerCell[];
  /** Name of the file of commands in the session's folder; null when there are none to wait for. */
  readonly commandsFile: string | null;
  /** Unix time in seconds at which the engine started the launcher: "start" of start-to-ready. */
  readonly startedAt: number;
  /** For commands of the user's own. */
  readonly script?: {
    /** Absolute folder in which they start. */
    readonly directory: string;
    /** The GPUs to watch, in the order of the bus; none on a cpu host. */
    readonly gpus: readonly number[];
  };
}

export interface WorkerCell {
  readonly id: string;
  readonly batchSize: number;
  readonly promptTokens: number;
  readonly newTokens: number;
  /** Program and arguments of a script. */
  readonly command?: readonly string[];
}

/** A line of `commands.jsonl`. */
export type WorkerCommand =
  | { readonly command: "cell"; readonly cell: WorkerCell }
  | { readonly command: "finish" };

/** Memory of one rank over one phase, in bytes. Fields that the device does not have are null. */
export interface MemorySample {
  /** The devices that this rank has used. */
  readonly devices: readonly {
    /** Index within what the rank can see. */
    readonly device: number;
    /**
     * GPU: the driver's used bytes, sampled, or what the allocator held at most and what is beside it, where that is more.
     * CPU: VmData of the process, sampled.
     */
    readonly peakBytes: number;
    /** `torch.cuda.max_memory_allocated` */
    readonly peakAllocatedBytes: number | null;
    /** `torch.cuda.max_memory_reserved` */
    readonly peakReservedBytes: number | null;
  }[];
  /** Private resident memory of the process (RssAnon), sampled maximum. */
  readonly peakRssAnonBytes: number;
  /** Shared resident memory (RssShmem: pinned buffers show here), sampled maximum. */
  readonly peakRssShmemBytes: number;
}

/** What every event has. */
export interface EventCommon {
  /** Rank of the process that wrote it. */
  readonly rank: number;
  /** Unix time in seconds. */
  readonly time: number;
}

/** One line of a rank's events file. */
export type WorkerEvent =
  & EventCommon
  & (
    | {
      readonly event: "started";
      readonly pid: number;
      readonly worldSize: number;
      readonly versions: Readonly<Record<string, string>>;
      readonly deviceNames: readonly string[];
    }
    | {
      readonly event: "loaded";
      /** Start of the launcher to the end of the imports. */
      readonly importSeconds: number;
      /** End of the imports to ready to generate. */
      readonly weightsSeconds: number;
      readonly loadSeconds: number;
      /** What was read of the checkpoint from the start of the process on, ahead of its use; null where nothing was. */
      readonly read?: { readonly bytes: number; readonly seconds: number } | null;
      readonly memory: MemorySample;
    }
    | { readonly event: "cell_started"; readonly cellId: string }
    | {
      readonly event: "cell_finished";
      readonly cellId: string;
      readonly memory: MemorySample;
      /** Wall seconds of each timed generate. */
      readonly generateSeconds: readonly number[];
      /** Wall seconds to the first new token, one a cycle. */
      readonly prefillSeconds: readonly number[];
      /** Wall seconds of making the graph of a step, before the timed generates; null where none is made. */
      readonly captureSeconds: number | null;
      /** How often, since the process began, the allocator gave cached blocks back to find room; null on a CPU. */
      readonly allocationRetries: number | null;
      readonly newTokens: number;
      /** New token ids of the first sequence of the batch. */
      readonly tokenIds: readonly number[];
      /** Hash of all new token ids of the batch. */
      readonly tokensSha256: string;
    }
    | {
      /** A command of the user's own has ended; what that means for the cell is the engine's to say. */
      readonly event: "script_ended";
      readonly cellId: string;
      /** 128 plus the number of the signal when there was one. */
      readonly exitCode: number;
      readonly signal: string | null;
      /** Whether it was ended because a GPU had more in use than the budget. */
      readonly overCap: boolean;
      /** Wall time of the process. */
      readonly seconds: number;
      /** Sampled from outside. */
      readonly memory: MemorySample;
      /** Least bytes that the host had left; null where the system does not tell. */
      readonly leastAvailableBytes: number | null;
      /** Processes that the kernel killed in this control group for want of memory meanwhile. */
      readonly kernelKills: number;
      /** Beginning and end of what it printed. */
      readonly output: string;
    }
    | {
      readonly event: "cell_failed";
      readonly cellId: string;
      readonly status: "oom" | "crashed";
      /** `load`, `warmup` or `generate`. */
      readonly phase: string;
      readonly message: string;
      readonly memory: MemorySample;
      /** Whether the worker tries to go on with the next cell; `ready` follows when it can. */
      readonly recovered: boolean;
    }
    | {
      /** After a failed cell: memory is back at its level after loading, and no collective is pending. */
      readonly event: "ready";
      readonly cellId: string;
      /** Memory in use, to be compared with what loading left. */
      readonly levelBytes?: number;
    }
    | {
      /** The session cannot go on: loading failed. `status` is `oom` when memory ran out. */
      readonly event: "failed";
      readonly status: "oom" | "crashed";
      readonly phase: string;
      readonly message: string;
      readonly memory: MemorySample;
    }
    | { readonly event: "heartbeat"; readonly cellId: string | null; readonly peakBytes: number }
    | { readonly event: "finished" }
  );

/** What a run found for one cell; units and names as in the prediction. */
export interface Measurement {
  /** One entry for each device that was used. */
  readonly devices: readonly {
    readonly index: number;
    readonly node: number;
    readonly loadPeakAllocatedBytes: number | null;
    readonly peakAllocatedBytes: number | null;
    readonly peakReservedBytes: number | null;
    readonly peakBytes: number;
  }[];
  /** One entry for each node. */
  readonly hosts: readonly {
    readonly node: number;
    readonly peakBytes: number;
    readonly pinnedBytes: number;
  }[];
  /** Null where a rank did not finish the cell. */
  readonly time: {
    /** This and every other null: a command of the user's own does not tell. */
    readonly importSeconds: number | null;
    readonly weightsSeconds: number | null;
    readonly loadSeconds: number | null;
    readonly prefillMs: number | null;
    readonly msPerStep: number | null;
    readonly msPerToken: number;
    readonly msPerTokenPerStream: number;
    /** Of the fastest and the slowest timed generate; `msPerToken` is of the median. */
    readonly msPerTokenMin?: number;
    readonly msPerTokenMax?: number;
    readonly tokensPerSecond: number;
    readonly streams: number;
    /** Making the graph of a decode step, once for a cell and not in the times above; null where none is made. */
    readonly captureSeconds: number | null;
    /** Wall seconds of each timed generate, slowest rank. */
    readonly generateSeconds: readonly number[];
  } | null;
  /** New token ids of the first sequence. */
  readonly tokenIds: readonly number[];
  /** Hash of the new tokens of the whole batch; null where ranks disagree. */
  readonly tokensSha256: string | null;
  /** Package name to the version that ran. */
  readonly versions: Readonly<Record<string, string>>;
  /** What a command of the user's own printed, before it was converted. */
  readonly stated?: {
    /** Which way of printing. */
    readonly variant: string;
    readonly msPerToken: number;
    /** Whether its tokens count the prompt; null where its output does not tell. */
    readonly countsPrompt: boolean | null;
    /** Timed passes that its tokens cover; null where the numbers agree with none. */
    readonly passes: number | null;
  };
}

/** How a cell ended. `oom` is a result; `crashed` and `timeout` are failures. */
export type CellStatus =
  | "ok"
  | "oom"
  | "host-oom"
  | "timeout"
  | "crashed"
  | "skipped"
  | "interrupted";

/**
 * What `make_checkpoint.py request.json` reads. It writes `config.json`, a tokenizer and safetensors files with seeded
 * random weights into `folder`, which exists and is empty, and exits 0. The engine then renames the folder.
 */
export interface CheckpointRequest {
  readonly formatVersion: "1.0";
  readonly config: HfConfig;
  readonly seed: number;
  readonly dtype: StrategySpec["dtype"];
  /** Absolute. */
  readonly folder: string;
}

/**
 * What `detect.py` prints as the last line of its stdout, as JSON. It imports nothing of the stack: it asks the packages'
 * metadata. A package that is not installed is absent.
 */
export interface DetectReport {
  /** `3.11.4` */
  readonly python: string;
  /** Package name to version, local part included: `{"torch": "2.13.0+cpu"}`. */
  readonly versions: Readonly<Record<string, string>>;
}
