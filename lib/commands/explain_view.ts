/** One cell's prediction in words: what limits it, and the terms of every device, phase by phase. */
import { listWords } from "../diagnostics/quote.ts";
import type { PeakTensors } from "../plan/peak_tensors.ts";
import type { PlanCell } from "../plan/plan.ts";
import type { DevicePrediction, Interval, Prediction } from "../plan/prediction.ts";
import { formatBytes, formatMs, formatSeconds, plural } from "../report/bytes.ts";
import type { Block } from "../report/document.ts";
import { columnsOf } from "../report/table.ts";
import { ranges, waterfallBlocks } from "../report/waterfall_view.ts";
import { DTYPE_BYTES } from "../strategy/strategy.ts";
import type { Category, Phase } from "../trace/trace.ts";
import type { DeviceGroup, PhasePeak } from "./phase_peaks.ts";

const PHASE_NAMES: Readonly<Record<Phase, string>> = {
  start: "start",
  load: "loading",
  warmup: "first generation",
  capture: "capture of the graph",
  prefill: "prefill (the prompt)",
  decode: "decode (the new tokens)",
};

/** In the order in which a device fills up. */
const TERMS: readonly (readonly [Category, string])[] = [
  ["context", "context and libraries"],
  ["weights", "weights"],
  ["kv", "KV cache"],
  ["activation", "activations"],
  ["workspace", "workspace"],
  ["communication", "communication"],
];

const BAR_WIDTH = 32;

/** What the same cell comes to with the allocator set up in the other way. */
export interface OtherAllocator {
  readonly allocator: "native" | "expandable";
  readonly prediction: Prediction;
}

/** The whole explanation of a cell. */
export function cellDocument(
  cell: PlanCell,
  groups: readonly DeviceGroup[],
  peaks: readonly PeakTensors[],
  { other, parameters }: {
    readonly other?: OtherAllocator;
    /** Parameters of the model where its files are mapped; absent where what is left to the host is memory of a process. */
    readonly parameters?: number;
  } = {},
): Block[] {
  const capacityOf = (index: number | undefined) =>
    cell.prediction.devices.find((device) => device.index === index)?.capacityBytes ?? null;
  return [
    { kind: "title", text: `Prediction of ${cell.id}` },
    { kind: "facts", facts: facts(cell, other) },
    ...causeBlocks(cell.prediction),
    ...groups.flatMap((group) => deviceBlocks(group, cell.prediction)),
    ...peaks.flatMap((peak) => waterfallBlocks(peak, capacityOf(peak.indexes[0]))),
    ...hostBlocks(
      cell.prediction,
      parameters === undefined ? 0 : mappedBytes(cell, groups, parameters),
    ),
  ];
}

function facts(cell: PlanCell, other?: OtherAllocator): (readonly [string, string])[] {
  const { prediction, strategy } = cell;
  const { time } = prediction;
  return [
    ["verdict", verdictText(prediction)],
    ["strategy", strategyText(strategy)],
    [
      "workload",
      `batch ${cell.batchSize}, ${cell.promptTokens} prompt tokens, ${cell.newTokens} new tokens`,
    ],
    ["limit", limitText(prediction)],
    ...(other === undefined ? [] : [["allocator", allocatorText(prediction, other)]] as const),
    ...(time === null ? [] : [
      ["load", intervalText(time.loadSeconds, formatSeconds)],
      ["per token", intervalText(time.msPerToken, formatMs)],
    ] as const),
  ];
}

function strategyText(strategy: PlanCell["strategy"]): string {
  const text = `${strategy.use} in ${strategy.dtype}`;
  return strategy.use === "script" && strategy.predictAs !== undefined
    ? `${text}, predicted as ${strategy.predictAs.use}`
    : text;
}

function verdictText({ verdict, oomProbability, largestBatch }: Prediction): string {
  if (verdict === "invalid") return "invalid: this combination cannot be launched";
  if (verdict === "unknown") return "unknown: a command of your own is not traced";
  const percent = `${Math.round(100 * oomProbability)} % likely to run out of memory`;
  const largest = largestBatch === null
    ? "; no batch fits"
    : largestBatch === undefined
    ? ""
    : `; the largest batch that fits is ${largestBatch}`;
  return `${verdict}, ${percent}${largest}`;
}

function limitText({ limit, verdict }: Prediction): string {
  if (limit === null) {
    return verdict === "invalid" || verdict === "unknown" ? "none" : "none: no capacity is known";
  }
  const { resource, phase, needBytes, haveBytes } = limit;
  const percent = Math.round(100 * needBytes / haveBytes);
  return `${resource} in ${phase}: ${formatBytes(needBytes)} of ${
    formatBytes(haveBytes)
  }, ${percent} %`;
}

/** What the allocator takes, its cache included, and what it would take as it is not set up. */
function allocatorText(prediction: Prediction, other: OtherAllocator): string {
  const names = { native: "native segments", expandable: "expandable segments" };
  const most = ({ devices }: Prediction) =>
    Math.max(...devices.map(({ peakBytes }) => peakBytes.mid));
  const own = other.allocator === "native" ? names.expandable : names.native;
  const change = most(other.prediction) - most(prediction);
  const verdict = other.prediction.verdict === prediction.verdict
    ? ""
    : `, and the verdict is ${other.prediction.verdict}`;
  const amount = Math.abs(change) < 2 ** 20
    ? "the same"
    : `${formatBytes(Math.abs(change))} ${change > 0 ? "more" : "less"}`;
  return `${own}; with ${names[other.allocator]} the fullest device takes ${amount}${verdict}`;
}

function intervalText({ low, mid, high }: Interval, format: (value: number) => string): string {
  return `${format(mid)} (${format(low)} to ${format(high)})`;
}

function causeBlocks({ causes, verdict }: Prediction): Block[] {
  if (causes.length === 0) return [];
  const text = verdict === "invalid"
    ? "Why it cannot be launched"
    : "Why it does not fit, or may not";
  return [
    { kind: "heading", text },
    { kind: "list", items: causes.map((cause) => ({ text: cause })) },
  ];
}

function deviceBlocks({ indexes, phases, lent }: DeviceGroup, prediction: Prediction): Block[] {
  const device = prediction.devices.find(({ index }) => index === indexes[0]);
  if (device === undefined) return [];
  const { peakBytes, capacityBytes } = device;
  const capacity = capacityBytes === null ? "" : ` of ${formatBytes(capacityBytes)}`;
  const full = Math.max(capacityBytes ?? 0, ...phases.map(({ bytes }) => bytes));
  return [
    {
      kind: "heading",
      text: `${deviceNames(indexes)}: peak ${
        intervalText(peakBytes, formatBytes)
      }${capacity}, split by phase`,
    },
    {
      kind: "table",
      table: {
        columns: [
          ...columnsOf(["phase", "term"], 2),
          ...columnsOf(["bytes", "sum"], 0),
          ...columnsOf([capacityBytes === null ? "" : `up to ${formatBytes(full)}`]),
        ],
        rows: [...phases.flatMap((phase) => phaseRows(phase, full)), ...cachedRows(device, full)],
      },
    },
    ...lentBlocks(lent),
  ];
}

/** Why the interval of a device is as wide as it is, where blocks come back late. */
function lentBlocks(lent: DeviceGroup["lent"]): Block[] {
  if (lent === undefined) return [];
  const { largest, others } = lent;
  const less = largest === 0 ? "" : `${formatBytes(largest)} less where the block of the largest ` +
    "one is still whole when it is needed a second time, and ";
  const text = "Gathered parameters come back to the allocator only when the computation has " +
    `passed, which the interval allows for: ${less}up to ${formatBytes(others)} more where a ` +
    "prompt computes for longer than the host needs to launch it, by which the host is then " +
    "ahead (explain zero-gathers-come-back-late)";
  return [{ kind: "list", items: [{ text }] }];
}

/** One row for each term, each bar beginning where the one before it ends; then the sum. */
function phaseRows({ phase, bytes, byCategory }: PhasePeak, full: number): string[][] {
  const terms = TERMS.filter(([category]) => byCategory[category] > 0);
  let below = 0;
  return terms.map(([category, name], index) => {
    const from = below;
    below += byCategory[category];
    return [
      index === 0 ? PHASE_NAMES[phase] : "",
      name,
      formatBytes(byCategory[category]),
      index === terms.length - 1 ? formatBytes(bytes) : "",
      bar(from, below, full),
    ];
  });
}

/** What the allocator holds beyond the tensors: no need, since it is returned where room is lacking, but NVML counts it. */
function cachedRows(device: DevicePrediction, full: number): string[][] {
  const { peakAllocatedBytes, peakReservedBytes, allocatorRetries, peakBytes } = device;
  const cached = (peakReservedBytes ?? 0) - (peakAllocatedBytes ?? 0);
  if (cached <= 0) return [];
  const retries = allocatorRetries ?? 0;
  const returned = retries > 0 ? ` (returned ${plural(retries, "time")})` : "";
  const sum = peakBytes.mid;
  return [[
    "in the end",
    `kept by the allocator${returned}`,
    formatBytes(cached),
    formatBytes(sum),
    bar(sum - cached, sum, full),
  ]];
}

function bar(from: number, to: number, full: number): string {
  const start = Math.round(from / full * BAR_WIDTH);
  const end = Math.max(start + 1, Math.round(to / full * BAR_WIDTH));
  return ".".repeat(start) + "#".repeat(end - start);
}

function deviceNames(indexes: readonly number[]): string {
  if (indexes.length === 1) return `Device ${indexes[0]}`;
  return `Devices ${listWords(ranges(indexes))}, each`;
}

/** Weights that a device map leaves to the host, where they stay in their files and are read anew in every step. */
function mappedBytes(
  { strategy }: PlanCell,
  groups: readonly DeviceGroup[],
  parameters: number,
): number {
  if (strategy.use !== "accelerate" || strategy.dtype === "int8" || groups.length === 0) return 0;
  const onDevices = groups.reduce((sum, { indexes, phases }) => {
    const loaded = phases.find(({ phase }) => phase === "load")?.byCategory.weights ?? 0;
    return sum + indexes.length * loaded;
  }, 0);
  return parameters * DTYPE_BYTES[strategy.dtype] - onDevices;
}

/** Weights below this are rounding. */
const LEAST_MAPPED_BYTES = 2 ** 20;

function hostBlocks({ hosts }: Prediction, mapped: number): Block[] {
  const [host] = hosts;
  if (host === undefined) return [];
  const capacity = host.capacityBytes === null ? "not known" : formatBytes(host.capacityBytes);
  return [
    { kind: "heading", text: `Host memory of ${plural(hosts.length, "node")}, each` },
    {
      kind: "facts",
      facts: [
        ["peak", intervalText(host.peakBytes, formatBytes)],
        ["each rank", formatBytes(host.perRankBytes)],
        ["pinned", formatBytes(host.pinnedBytes)],
        ...(mapped < LEAST_MAPPED_BYTES ? [] : [[
          "weights left to it",
          `${
            formatBytes(mapped)
          } in mapped files, not in the peak: page cache, or reads of the disk in every step`,
        ]] as const),
        ["capacity", capacity],
      ],
    },
  ];
}
