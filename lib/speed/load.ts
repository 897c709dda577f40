/** How long a strategy takes from its start to ready to generate: imports, reading, and putting weights in place. */
import type { SpeedCalibration } from "../catalog/speed_calibration.ts";
import type { Hardware } from "../catalog/types.ts";
import { DEFAULT_DISK_BYTES_PER_SECOND } from "./rates.ts";

/** What is read by whom. */
export interface LoadWork {
  readonly ranks: number;
  readonly nodes: number;
  /** Bytes that all ranks together read. */
  readonly readBytes: number;
  /** Bytes of different files among them: what comes from the disk when the page cache keeps the rest. */
  readonly uniqueBytes: number;
  /** Whether each rank reads whole tensors and keeps a part of each. */
  readonly cuts: boolean;
  /** Bytes that all ranks together move to memory of their own on the host. */
  readonly offloadedBytes?: number;
  /** Whether the disk is read from the start of the process on, while Python imports its libraries. */
  readonly readsAhead?: boolean;
}

type Disk = Pick<Hardware, "diskBytesPerSecond" | "diskReaders">;

/** Seconds of loading. */
export interface LoadTime {
  readonly importSeconds: number;
  /** End of the imports to ready to generate. */
  readonly weightsSeconds: number;
}

/**
 * The slower of two pipelines: the disk, which gives each file once to every node, and the ranks, which read, copy and
 * cut side by side and share what the page cache gives.
 */
export function loadTime(
  { ranks, nodes, readBytes, uniqueBytes, cuts, offloadedBytes = 0, readsAhead = false }: LoadWork,
  { diskBytesPerSecond = DEFAULT_DISK_BYTES_PER_SECOND, diskReaders = 1 }: Disk,
  facts: SpeedCalibration,
): LoadTime {
  const perRankBytes = readBytes / ranks;
  const diskSeconds = uniqueBytes / (diskBytesPerSecond * Math.min(ranks, diskReaders));
  const waitSeconds = Math.max(0, diskSeconds - (readsAhead ? facts.importSeconds : 0));
  const sharedSeconds = readBytes / nodes / facts.sharedReadBytesPerSecond;
  const rankSeconds = perRankBytes / facts.readBytesPerSecond +
    (cuts ? perRankBytes / facts.cutBytesPerSecond : 0) +
    offloadedBytes / ranks / facts.offloadBytesPerSecond;
  return {
    importSeconds: facts.importSeconds,
    weightsSeconds: facts.setupSeconds + Math.max(waitSeconds, sharedSeconds, rankSeconds),
  };
}
