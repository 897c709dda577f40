/** The shape of the data files: every number stands beside its source. */

/** A number and where it comes from. */
export interface Fact<T = number> {
  readonly value: T;
  readonly source: string;
  /** Measurements that it was fitted to, where it was. */
  readonly fittedTo?: readonly string[];
}

/**
 * How the usable memory of a device is known, the best first. `torch`: read from PyTorch. `driver`: read from
 * the CUDA driver, the same number. `-rounded`: printed in GiB with two decimals, rounded down here. `assumed`:
 * concluded from a like device. `budget`: the pipeline sets it.
 */
export type MemorySource =
  | "torch"
  | "torch-rounded"
  | "driver"
  | "driver-rounded"
  | "assumed"
  | "budget";

/** A device as `data/gpus.json` has it. */
export interface DeviceFact {
  readonly kind: string;
  /** What people call it where that names one kind. */
  readonly aliases?: readonly string[];
  readonly type: string;
  /** Names that nvidia-smi prints. */
  readonly productNames: readonly string[];
  readonly memoryBytes: Fact<number | null> & { readonly how: string };
  readonly bandwidthBytesPerSecond: Fact;
  readonly flops: {
    readonly values: Readonly<Record<string, number | undefined>>;
    readonly source: string;
  };
  /** Absent on CPUs. */
  readonly multiprocessors?: {
    readonly count: number;
    readonly hertz: number;
    readonly source: string;
  };
  readonly linkBytesPerSecond: Fact;
  readonly hostLinkBytesPerSecond: Fact;
  readonly notes?: string;
}

/** A node as `data/nodes.json` has it. */
export interface NodeFact {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly devices: { readonly count: number; readonly kind: string; readonly source: string };
  readonly memoryBytes: Fact;
  readonly diskBytesPerSecond?: Fact;
  /** Processes that get this rate at the same time. */
  readonly diskReaders?: Fact;
}

/** A model as a file of `data/models` has it. */
export interface ModelFact {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly parameters: Fact;
  readonly config: Readonly<Record<string, unknown>>;
  readonly source: string;
}

/** A stack as `data/stacks.json` has it. */
export interface StackFact {
  readonly name: string;
  readonly runnable: boolean;
  readonly versions: Readonly<Record<string, string | undefined>>;
  readonly source: string;
  /** Size of the installed environment, where this tool installs it. */
  readonly installedBytes?: Fact;
  readonly notes: string;
}
