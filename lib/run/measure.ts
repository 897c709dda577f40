/** Makes one measurement of a cell from what its ranks said. */
import type { Measurement, MemorySample, WorkerEvent } from "./protocol.ts";

/** An event of one kind. */
export type EventOf<K extends WorkerEvent["event"]> = Extract<WorkerEvent, { event: K }>;

/** What one rank said about a cell. */
export interface RankReport {
  readonly rank: number;
  readonly loaded: EventOf<"loaded"> | undefined;
  /** Absent when the rank died in the cell. */
  readonly ended: EventOf<"cell_finished"> | EventOf<"cell_failed"> | undefined;
}

/** What a measurement is made for. */
export interface MeasuredCell {
  readonly batchSize: number;
  readonly streams: number;
  /** Devices of one node: with several ranks, rank r is device r % perNode of node r / perNode. */
  readonly devicesPerNode: number;
  readonly versions: Readonly<Record<string, string>>;
}

/** Adds up hosts, takes the slowest rank, and keeps each device's own peaks. Seconds become milliseconds. */
export function measure(reports: readonly RankReport[], cell: MeasuredCell): Measurement {
  const finished = reports.map(({ ended }) => ended)
    .filter((ended) => ended?.event === "cell_finished");
  const complete = finished.length === reports.length;
  return {
    devices: reports.flatMap((report) => measureDevices(report, reports.length, cell)),
    hosts: measureHosts(reports, cell),
    time: complete ? measureTime(reports, finished, cell) : null,
    tokenIds: complete ? finished[0]?.tokenIds ?? [] : [],
    tokensSha256: complete ? agreedHash(finished) : null,
    versions: cell.versions,
  };
}

function measureDevices(
  { rank, loaded, ended }: RankReport,
  worldSize: number,
  { devicesPerNode }: MeasuredCell,
): Measurement["devices"] {
  const loads = new Map(loaded?.memory.devices.map((sample) => [sample.device, sample]));
  const samples = ended?.memory.devices ?? loaded?.memory.devices ?? [];
  return samples.map((sample) => {
    const load = loads.get(sample.device);
    return {
      index: worldSize === 1 ? sample.device : rank % devicesPerNode,
      node: Math.floor(rank / devicesPerNode),
      loadPeakAllocatedBytes: load?.peakAllocatedBytes ?? null,
      peakAllocatedBytes: sample.peakAllocatedBytes,
      peakReservedBytes: sample.peakReservedBytes,
      peakBytes: Math.max(sample.peakBytes, load?.peakBytes ?? 0),
    };
  });
}

function measureHosts(
  reports: readonly RankReport[],
  { devicesPerNode }: MeasuredCell,
): Measurement["hosts"] {
  const nodes = Map.groupBy(reports, ({ rank }) => Math.floor(rank / devicesPerNode));
  return [...nodes].map(([node, ranks]) => {
    const samples = ranks.map(({ loaded, ended }) =>
      [loaded?.memory, ended?.memory].filter((sample) => sample !== undefined)
    );
    return {
      node,
      peakBytes: sum(samples.map((both) => largest(both.map(residentBytes)))),
      pinnedBytes: sum(samples.map((both) => largest(both.map((one) => one.peakRssShmemBytes)))),
    };
  });
}

function residentBytes({ peakRssAnonBytes, peakRssShmemBytes }: MemorySample): number {
  return peakRssAnonBytes + peakRssShmemBytes;
}

function measureTime(
  reports: readonly RankReport[],
  finished: readonly EventOf<"cell_finished">[],
  { batchSize, streams }: MeasuredCell,
): Measurement["time"] {
  const loads = reports.map(({ loaded }) => loaded).filter((loaded) => loaded !== undefined);
  const loadSeconds = largest(loads.map((loaded) => loaded.loadSeconds));
  const importSeconds = largest(loads.map((loaded) => loaded.importSeconds));
  const generateSeconds = slowest(finished.map((event) => event.generateSeconds));
  const prefillSeconds = slowest(finished.map((event) => event.prefillSeconds));
  const newTokens = finished[0]?.newTokens ?? 0;
  const generateMs = median(generateSeconds) * 1000;
  const prefillMs = median(prefillSeconds) * 1000;
  const tokens = batchSize * newTokens * streams;
  const msPerToken = generateMs / tokens;
  return {
    importSeconds,
    weightsSeconds: loadSeconds - importSeconds,
    loadSeconds,
    prefillMs,
    msPerStep: newTokens > 1 ? (generateMs - prefillMs) / (newTokens - 1) : prefillMs,
    msPerToken,
    msPerTokenPerStream: msPerToken * streams,
    msPerTokenMin: 1000 * Math.min(...generateSeconds) / tokens,
    msPerTokenMax: 1000 * Math.max(...generateSeconds) / tokens,
    tokensPerSecond: 1000 / msPerToken,
    streams,
    captureSeconds: slowestCapture(finished),
    generateSeconds,
  };
}

function slowestCapture(finished: readonly EventOf<"cell_finished">[]): number | null {
  const seconds = finished.map((event) => event.captureSeconds ?? null)
    .filter((each) => each !== null);
  return seconds.length === 0 ? null : largest(seconds);
}

/** The ranks of a session generate the same: where they do not, no hash stands for them. */
function agreedHash(finished: readonly EventOf<"cell_finished">[]): string | null {
  const hashes = new Set(finished.map((event) => event.tokensSha256));
  return hashes.size === 1 ? [...hashes][0] ?? null : null;
}

/** Cycle by cycle the rank that took longest. */
function slowest(ranks: readonly (readonly number[])[]): number[] {
  const cycles = Math.min(...ranks.map((seconds) => seconds.length));
  return Array.from(
    { length: cycles },
    (_, cycle) => largest(ranks.map((seconds) => seconds[cycle] ?? 0)),
  );
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? 0;
  return (lower + upper) / 2;
}

function largest(values: readonly number[]): number {
  return Math.max(0, ...values);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
