/** What would make a cell fit: changes of one thing at a time, each predicted, and the smallest hardware that holds a pipeline. */
import { deviceFacts, findDevice } from "../catalog/devices.ts";
import type { CellSpec, Pipeline, StrategySpec } from "../language/pipeline.ts";
import { parameterCount } from "../model/module.ts";
import { DTYPE_BYTES } from "../strategy/strategy.ts";
import { largestFitting } from "./largest_batch.ts";
import type { Prediction } from "./prediction.ts";
import { predictsOom } from "./selection.ts";
import type { Setups } from "./setups.ts";

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

/**
 * Single changes that make a cell fit, the ones that keep its work before those that reduce it.
 *
 * @param others Strategies of the pipeline, which are tried in place of the cell's own.
 */
export function suggestChanges(
  cell: CellSpec,
  pipeline: Pipeline,
  setups: Setups,
  others: readonly StrategySpec[] = pipeline.strategies,
): Suggestion[] {
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
    ...lessWork(cell, pipeline, setups),
  ];
  return alternatives.flatMap((alternative) => {
    const fit = setups.fit(alternative.cell.strategy, alternative.pipeline);
    if (fit === undefined || fit.whole(alternative.cell) > 0) return [];
    const prediction = setups.predict(alternative.cell, alternative.pipeline);
    if (prediction === undefined || predictsOom({ prediction })) return [];
    return [{ change: alternative.change, cell: alternative.cell, prediction }];
  });
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
function lessWork(cell: CellSpec, pipeline: Pipeline, setups: Setups): Alternative[] {
  const fit = setups.fit(cell.strategy, pipeline);
  if (fit === undefined) return [];
  return (["batchSize", "newTokens", "promptTokens"] as const).flatMap((axis) => {
    if (cell[axis] < 2) return [];
    const at = (value: number) => ({ ...cell, [axis]: value });
    const most = cell[axis] - 1;
    const largest = largestFitting(
      (value) => fit.tensors(at(value)),
      (value) => fit.whole(at(value)),
      most,
      Math.max(2, Math.floor(most / 2)),
    );
    if (largest === null) return [];
    return [{ change: `${axis}: ${largest}`, pipeline, cell: at(largest) }];
  });
}

/** Hardware of the catalog that holds a strategy's cells. */
export interface HardwareSuggestion {
  readonly count: number;
  readonly kind: string;
  readonly memoryBytes: number;
  /** What the slowest of the cells takes there: a strategy that leaves weights to the host needs little, and is slow. */
  readonly msPerToken: number | null;
}

const COUNTS = [1, 2, 4, 8, 16];

/**
 * The least GPU memory of one node, over the kinds of the catalog, that holds every given cell; of two with the same
 * memory the faster. Undefined where none does.
 */
export function smallestHardware(
  cells: readonly CellSpec[],
  pipeline: Pipeline,
  setups: Setups,
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
  const least = leastBytes(cells, pipeline, setups);
  const demanding = cells.toSorted((a, b) => b.batchSize - a.batchSize);
  const on = ({ count, kind }: { readonly count: number; readonly kind: string }): Pipeline => ({
    ...pipeline,
    hardware: {
      nodes: 1,
      devices: { count, kind },
      ...(memoryBytes === undefined ? {} : { memoryBytes }),
      ...(diskBytesPerSecond === undefined ? {} : { diskBytesPerSecond }),
    },
    budget,
  });
  const found = candidates.find((candidate) => {
    const { memoryBytes: deviceBytes } = candidate;
    const other = on(candidate);
    const fitFor = (cell: CellSpec) => setups.fit(onDevices(cell.strategy), other);
    // Adding tensors up is quick, and the largest batches fail first.
    return least <= deviceBytes &&
      demanding.every((cell) => (fitFor(cell)?.tensors(cell) ?? 1) <= 0) &&
      demanding.every((cell) => (fitFor(cell)?.whole(cell) ?? 1) <= 0);
  });
  if (found === undefined) return undefined;
  const times = cells.flatMap((cell) => {
    const there = { ...cell, strategy: onDevices(cell.strategy) };
    return setups.predict(there, on(found))?.time?.msPerToken.mid ?? [];
  });
  const { count, kind } = found;
  const msPerToken = times.length === 0 ? null : Math.max(...times);
  return { count, kind, memoryBytes: found.memoryBytes, msPerToken };
}

/** What the devices must hold together whatever they are: the weights, of a strategy that leaves none to the host. */
function leastBytes(
  cells: readonly CellSpec[],
  pipeline: Pipeline,
  setups: Setups,
): number {
  return cells.reduce((most, { strategy }) => {
    const isOnDevices = strategy.use === "ds-inference" ||
      strategy.use === "ds-zero" && strategy.offload === "none";
    if (!isOnDevices || strategy.dtype === "int8") return most;
    const root = setups.configuration(strategy, pipeline)?.context.root;
    const count = root === undefined ? 0 : parameterCount(root);
    return Math.max(most, count * DTYPE_BYTES[strategy.dtype]);
  }, 0);
}
