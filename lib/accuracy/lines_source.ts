/**
 * Measured cells from JSON lines: a `loaded` line for each model that was set up, and a `cell` line for each
 * generation under it. Bytes stand alone or in a list with one entry for each GPU; seconds are those of one whole
 * generate. Lines of other kinds are passed over. `frozen_weights` says that the weights asked for no gradients.
 */
import { findDeviceByProductName } from "../catalog/devices.ts";
import { findModel } from "../catalog/model_facts.ts";
import type { CellSpec, HfConfig, ModelSpec, StrategySpec } from "../language/pipeline.ts";
import type { MeasuredCell, MeasuredSet, Quantity } from "./measured.ts";
import { pipelineFor } from "./pipelines.ts";

type Line = Readonly<Record<string, unknown>>;

/** Sets of cells, one for each `loaded` line that could be understood, and in words what could not. */
export function measuredOfLines(
  source: string,
  lines: readonly Line[],
): { readonly sets: readonly MeasuredSet[]; readonly problems: readonly string[] } {
  const sets: MeasuredSet[] = [];
  const problems: string[] = [];
  let cells: MeasuredCell[] | undefined;
  let setUp: SetUp | undefined;
  for (const line of lines) {
    if (line["kind"] === "loaded") {
      const read = readSetUp(line);
      setUp = typeof read === "string" ? undefined : read;
      cells = undefined;
      if (typeof read === "string") problems.push(read);
      else {
        cells = [];
        const frozenWeights = line["frozen_weights"] === true;
        sets.push({ source, pipeline: read.pipeline, cells, frozenWeights });
      }
    } else if (line["kind"] === "cell" && setUp !== undefined && cells !== undefined) {
      const cell = readCell(line, setUp, cells.length === 0);
      if (cell !== undefined) cells.push(cell);
    }
  }
  return { sets: sets.filter((set) => set.cells.length > 0), problems };
}

interface SetUp {
  readonly name: string;
  readonly pipeline: MeasuredSet["pipeline"];
  readonly strategy: StrategySpec;
  readonly streams: number;
  readonly contextBytes: number;
  readonly loadPeakReservedBytes: readonly number[];
  /** Absent where loading was not what a run does: weights that were made on the device. */
  readonly loadPeakAllocatedBytes?: readonly number[];
}

const PACKAGES = ["torch", "transformers", "accelerate", "deepspeed"] as const;

function readSetUp(line: Line): SetUp | string {
  const name = text(line["name"]) ?? "unnamed";
  const device = findDeviceByProductName(text(line["device"]) ?? "");
  if (device === undefined) return `${name}: the catalog lacks the device ${text(line["device"])}`;
  const model = modelOf(line, name);
  if (model === undefined) return `${name}: neither a model of the catalog nor a config`;
  const count = number(line["n_gpus"]) ?? 1;
  const strategy = strategyOf(line, count);
  const versions = Object.fromEntries(
    PACKAGES.flatMap((name) => typeof line[name] === "string" ? [[name, line[name]]] : []),
  );
  const pipeline = pipelineFor(name, {
    model,
    hardware: { nodes: 1, devices: { count, kind: device.kind } },
    stack: { versions },
  });
  const [contextBytes = 0] = numbers(line["ctx_bytes"]);
  const loadPeak = numbers(line["load_peak_alloc"]);
  return {
    name,
    pipeline,
    strategy,
    streams: strategy.use === "ds-zero" ? number(line["world_size"]) ?? count : 1,
    contextBytes,
    loadPeakReservedBytes: numbers(line["load_peak_reserved"]),
    ...(strategy.use === "ds-zero" && loadPeak.length > 0
      ? { loadPeakAllocatedBytes: loadPeak }
      : {}),
  };
}

function modelOf(line: Line, name: string): ModelSpec | undefined {
  const config = line["config"];
  const architecture = text(object(line["strategy"])["arch"]) ?? text(line["arch"]);
  if (typeof config === "object" && config !== null) {
    const modelType = text((config as Line)["model_type"]) ?? architecture;
    if (modelType === undefined) return undefined;
    const whole: HfConfig = { ...config as Line, model_type: modelType };
    return { name, config: whole, weights: "on-device" };
  }
  const known = findModel(name) ?? findModel(`bigscience/${name}`);
  return known === undefined
    ? undefined
    : { name: known.name, config: known.config, weights: "on-device" };
}

function strategyOf(line: Line, count: number): StrategySpec {
  const strategy = object(line["strategy"]);
  const dtype = text(strategy["dtype"]) ?? text(line["dtype"]) ?? "bfloat16";
  const common = {
    dtype: dtype as StrategySpec["dtype"],
    attention: text(line["attn"]) === "sdpa" ? "sdpa" : "eager",
    cache: "dynamic",
    decode: "eager",
    allocator: /expandable_segments:\s*true/i.test(text(line["alloc_conf"]) ?? "")
      ? "expandable"
      : "native",
  } as const;
  switch (strategy["mode"]) {
    case "zero":
      return {
        ...common,
        use: "ds-zero",
        name: "ds-zero",
        offload: strategy["offload"] === "cpu" || strategy["offload"] === "nvme"
          ? strategy["offload"]
          : "none",
        pinMemory: strategy["pin"] === true,
        gather: "module",
      };
    case "dsinf":
      return {
        ...common,
        use: "ds-inference",
        name: "ds-inference",
        tensorParallel: number(line["world_size"]) ?? count,
        kernelInject: strategy["inject"] === true,
        checkpoint: "unsharded",
        ...(number(strategy["max_tokens"]) === undefined
          ? {}
          : { maxOutTokens: number(strategy["max_tokens"]) as number }),
      };
    default:
      return { ...common, use: "accelerate", name: "accelerate", deviceMap: "auto" };
  }
}

function readCell(line: Line, setUp: SetUp, isFirst: boolean): MeasuredCell | undefined {
  const batchSize = number(line["bs"]);
  const promptTokens = number(line["prompt"]);
  const newTokens = number(line["new"]);
  const status = text(line["status"]);
  if (batchSize === undefined || promptTokens === undefined || newTokens === undefined) {
    return undefined;
  }
  if (status !== "ok" && status !== "oom") return undefined;
  const axes = { batchSize, promptTokens, newTokens };
  const cell: CellSpec = {
    id: `${setUp.name}/batchSize=${batchSize},promptTokens=${promptTokens},newTokens=${newTokens}`,
    strategyIndex: 0,
    strategy: setUp.strategy,
    ...axes,
    axes,
  };
  const values: Partial<Record<Quantity, readonly number[]>> = {};
  // Injected kernels keep the workspace and the last cache of their first cell, so each is planned for a process of
  // its own; what a later one of the same process holds is another thing.
  const isAlone = isFirst ||
    !(setUp.strategy.use === "ds-inference" && setUp.strategy.kernelInject);
  if (status === "ok" && !isAlone) {
    Object.assign(values, timesOf(line, batchSize, newTokens, setUp.streams));
  } else if (status === "ok") {
    const allocated = numbers(line["peak_alloc"]);
    const reserved = numbers(line["peak_reserved"]);
    if (allocated.length > 0) values.peakAllocatedBytes = allocated;
    if (reserved.length > 0) values.peakReservedBytes = reserved;
    // The driver was asked after the cell: where less is used than was reserved, loading included, the peak was before.
    const used = numbers(line["smi"]);
    const isPeak = used.every((bytes, at) =>
      bytes >= Math.max(reserved[at] ?? 0, setUp.loadPeakReservedBytes[at] ?? 0)
    );
    if (used.length > 0 && isPeak) {
      values.peakBytes = used;
    }
    if (isFirst && setUp.loadPeakAllocatedBytes !== undefined) {
      values.loadPeakAllocatedBytes = setUp.loadPeakAllocatedBytes;
    }
    Object.assign(values, timesOf(line, batchSize, newTokens, setUp.streams));
  }
  return { cell, status, values };
}

function timesOf(
  line: Line,
  batchSize: number,
  newTokens: number,
  streams: number,
): Partial<Record<Quantity, readonly number[]>> {
  const generate = number(line["gen_s"]);
  const one = number(line["one_s"]);
  if (generate === undefined) return {};
  return {
    msPerToken: [generate * 1000 / (batchSize * newTokens * streams)],
    ...(one === undefined || newTokens < 2 ? {} : {
      prefillMs: [one * 1000],
      msPerStep: [(generate - one) * 1000 / (newTokens - 1)],
    }),
  };
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function number(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

function numbers(value: unknown): number[] {
  const values = Array.isArray(value) ? value : [value];
  return values.filter((each) => typeof each === "number" && Number.isFinite(each));
}

function object(value: unknown): Line {
  return typeof value === "object" && value !== null ? value as Line : {};
}
