/** What would make a cell fit: changes of one thing at a time, each predicted, and the smallest hardware that holds a pipeline. */
import { deviceFacts, findDevice } from "../catalog/devices.ts";
import type { CellSpec, Pipeline, StrategySpec } from "../language/pipeline.ts";
import { parameterCount } from "../model/module.ts";
import { DTYPE_BYTES } from "../strategy/strategy.ts";
import type { Workload } from "../strategy/strategy.ts";
import { configure } from "./configuration.ts";
import type { PlanContext } from "./context.ts";
import { excessOf, searchLargest } from "./largest_batch.ts";
import type { Prediction } from "./prediction.ts";
import { predictCells } from "./predict_cells.ts";
import { predictMemory, tensorNeed } from "./predict_memory.ts";
import { resolve } from "./resolve.ts";
import { predictsOom } from "./selection.ts";
import { judge } from "./verdict.ts";

/** One change and what it comes to. */
export interface Suggestion {
  /** In words: `allocator: expandable`. */
  readonly change: string;
  readonly cell: CellSpec;
  readonly prediction: Prediction;
}

interface Alternative {
  readonly change: string;
  readonly pipeline: Pipeline;
  readonly cell: CellSpec;
}

/** A strategy on hardware, set up once for all its workloads: how far each is beyond a limit. */
interface Fit {
  /** By the tensors alone, which are added up quickly. */
  readonly tensors: (workload: Workload) => number;
  /** Replayed through the allocator where the tensors fit. */
  readonly whole: (workload: Workload) => number;
}

/** Undefined where the strategy is impossible there. */
function fitOf(cell: CellSpec, pipeline: Pipeline, context: PlanContext): Fit | undefined {
  const { value: resolved } = resolve(pipeline, context);
  if (resolved === undefined) return undefined;
  const { placement, context: strategy } = configure(cell.strategy, pipeline, resolved);
  if (placement === undefined) return undefined;
  const tensors = (workload: Workload) =>
    excessOf(judge(tensorNeed(placement, workload, strategy)));
  const whole = (workload: Workload) => {
    const excess = tensors(workload);
    return excess > 0 ? excess : excessOf(judge(predictMemory(placement, workload, strategy)));
  };
  return { tensors, whole };
}

/**
 * Single changes that make a cell fit, the ones that keep its work before those that reduce it.
 *
 * @param others Strategies of the pipeline, which are tried in place of the cell's own.
 */
export function suggestChanges(
  cell: CellSpec,
  pipeline: Pipeline,
  context: PlanContext,
  others: readonly StrategySpec[] = pipeline.strategies,
): Suggestion[] {
  const alone = { ...context, findLargestBatch: false };
  const alternatives = [
    ...options(cell).map((strategy) => ({
      change: difference(cell.strategy, strategy),
      pipeline,
      cell: { ...cell, strategy },
    })),
    ...moreDevices(cell, pipeline),
    ...others.filter((strategy) => strategy.name !== cell.strategy.name).map((strategy) => ({
      change: `strategy: ${strategy.name}`,
      pipeline,
      cell: { ...cell, strategy },
    })),
    ...lessWork(cell, pipeline, alone),
  ];
  return alternatives.flatMap((alternative) => {
    const fit = fitOf(alternative.cell, alternative.pipeline, alone);
    if (fit === undefined || fit.whole(alternative.cell) > 0) return [];
    const prediction = predictOne(alternative.cell, alternative.pipeline, alone);
    if (prediction === undefined || predictsOom({ prediction })) return [];
    return [{ change: alternative.change, cell: alternative.cell, prediction }];
  });
}

/** The prediction of one cell; undefined where it is impossible. */
export function predictOne(
  cell: CellSpec,
  pipeline: Pipeline,
  context: PlanContext,
): Prediction | undefined {
  return predictCells(pipeline, [cell], context).value?.get(cell.id);
}

/** The cell's strategy with one option changed. */
function options({ strategy }: CellSpec): StrategySpec[] {
  if (strategy.use === "script") return []; // what its options do, its command decides
  const changed: StrategySpec[] = [];
  if (strategy.allocator === "native") changed.push({ ...strategy, allocator: "expandable" });
  if (strategy.dtype === "float32") changed.push({ ...strategy, dtype: "bfloat16" });
  if (strategy.attention === "eager") changed.push({ ...strategy, attention: "sdpa" });
  if (strategy.cache === "dynamic") changed.push({ ...strategy, cache: "static" });
  if (strategy.use === "ds-zero") {
    if (strategy.gather === "layer") changed.push({ ...strategy, gather: "module" });
    if (strategy.offload === "none") {
      changed.push({ ...strategy, offload: "cpu", pinMemory: true });
      changed.push({ ...strategy, offload: "cpu", pinMemory: false });
    } else if (strategy.offload === "cpu" && strategy.pinMemory) {
      changed.push({ ...strategy, pinMemory: false });
    }
  }
  if (strategy.use === "accelerate" && strategy.deviceMap !== "balanced_low_0") {
    const { maxMemory: _, ...rest } = strategy;
    changed.push({ ...rest, deviceMap: "balanced_low_0" });
    if (strategy.maxMemory !== undefined) changed.push({ ...rest, deviceMap: "auto" });
  }
  return changed;
}

function difference(before: StrategySpec, after: StrategySpec): string {
  const [old, changed] = [before, after] as unknown as Record<string, unknown>[];
  const keys = new Set([...Object.keys(old ?? {}), ...Object.keys(changed ?? {})]);
  return [...keys].filter((key) => old?.[key] !== changed?.[key])
    .map((key) => changed?.[key] === undefined ? `without ${key}` : `${key}: ${changed[key]}`)
    .join(", ");
}

/** Two and four times as many devices of the same kind. */
function moreDevices(cell: CellSpec, pipeline: Pipeline): Alternative[] {
  const { hardware } = pipeline;
  const devices = hardware.devices;
  return [2, 4].map((factor) => {
    const strategy = onDevices(cell.strategy);
    if (devices === undefined || cell.strategy.use === "ds-zero" && hardware.nodes > 1) {
      const nodes = hardware.nodes * factor;
      return {
        change: `${nodes} nodes`,
        pipeline: { ...pipeline, hardware: { ...hardware, nodes } },
        cell: { ...cell, strategy },
      };
    }
    const count = devices.count * factor;
    return {
      change: `${count}x ${devices.kind}`,
      pipeline: { ...pipeline, hardware: { ...hardware, devices: { ...devices, count } } },
      cell: { ...cell, strategy },
    };
  });
}

/** The strategy without what was written for a number of devices. */
function onDevices(strategy: StrategySpec): StrategySpec {
  if (strategy.use === "ds-inference") {
    const { tensorParallel: _, ...rest } = strategy;
    return rest;
  }
  if (strategy.use === "accelerate") {
    const { maxMemory: _, ...rest } = strategy;
    return typeof rest.deviceMap === "object" ? { ...rest, deviceMap: "auto" } : rest;
  }
  return strategy;
}

/** The largest batch, and the longest prompt and answer, that fit. */
function lessWork(cell: CellSpec, pipeline: Pipeline, context: PlanContext): Alternative[] {
  const fit = fitOf(cell, pipeline, context);
  if (fit === undefined) return [];
  return (["batchSize", "newTokens", "promptTokens"] as const).flatMap((axis) => {
    const most = cell[axis] - 1;
    if (most < 1) return [];
    const excess = (value: number) => fit.whole({ ...cell, [axis]: value });
    const largest = searchLargest(excess, most, Math.max(2, Math.floor(most / 2)));
    if (largest === null) return [];
    return [{ change: `${axis}: ${largest}`, pipeline, cell: { ...cell, [axis]: largest } }];
  });
}

/** Hardware of the catalog that holds a strategy's cells. */
export interface HardwareSuggestion {
  readonly count: number;
  readonly kind: string;
  readonly memoryBytes: number;
}

const COUNTS = [1, 2, 4, 8, 16];

/**
 * The least GPU memory of one node, over the kinds of the catalog, that holds every given cell; of two with the same
 * memory the faster. Undefined where none does.
 */
export function smallestHardware(
  cells: readonly CellSpec[],
  pipeline: Pipeline,
  context: PlanContext,
): HardwareSuggestion | undefined {
  const candidates = deviceFacts().flatMap(({ kind }) => {
    const device = findDevice(kind);
    if (device?.type !== "gpu" || device.memoryBytes === null) return [];
    const memory = device.memoryBytes;
    return COUNTS.map((count) => ({
      count,
      kind,
      memoryBytes: count * memory,
      bandwidth: device.bandwidthBytesPerSecond,
    }));
  }).sort((a, b) => a.memoryBytes - b.memoryBytes || b.bandwidth - a.bandwidth);
  const { deviceBytes: _, ...budget } = pipeline.budget;
  const { memoryBytes, diskBytesPerSecond } = pipeline.hardware;
  const least = leastBytes(cells, pipeline, context);
  const demanding = cells.toSorted((a, b) => b.batchSize - a.batchSize);
  const found = candidates.find(({ count, kind, memoryBytes: deviceBytes }) => {
    const hardware = {
      nodes: 1,
      devices: { count, kind },
      ...(memoryBytes === undefined ? {} : { memoryBytes }),
      ...(diskBytesPerSecond === undefined ? {} : { diskBytesPerSecond }),
    };
    const other = { ...pipeline, hardware, budget };
    const fits = new Map<string, Fit | undefined>();
    const fitFor = (cell: CellSpec) => {
      const key = JSON.stringify(cell.strategy);
      if (!fits.has(key)) {
        fits.set(key, fitOf({ ...cell, strategy: onDevices(cell.strategy) }, other, context));
      }
      return fits.get(key);
    };
    // Adding tensors up is quick, and the largest batches fail first.
    return least <= deviceBytes &&
      demanding.every((cell) => (fitFor(cell)?.tensors(cell) ?? 1) <= 0) &&
      demanding.every((cell) => (fitFor(cell)?.whole(cell) ?? 1) <= 0);
  });
  if (found === undefined) return undefined;
  return { count: found.count, kind: found.kind, memoryBytes: found.memoryBytes };
}

/** What the devices must hold together whatever they are: the weights, of a strategy that leaves none to the host. */
function leastBytes(
  cells: readonly CellSpec[],
  pipeline: Pipeline,
  context: PlanContext,
): number {
  const { value: resolved } = resolve(pipeline, context);
  if (resolved === undefined) return 0;
  const count = parameterCount(resolved.root);
  return cells.reduce((most, { strategy }) => {
    const isOnDevices = strategy.use === "ds-inference" ||
      strategy.use === "ds-zero" && strategy.offload === "none";
    if (!isOnDevices || strategy.dtype === "int8") return most;
    return Math.max(most, count * DTYPE_BYTES[strategy.dtype]);
  }, 0);
}
