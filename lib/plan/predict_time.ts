/** How long a cell takes: its trace through the time interpreter, and the load from bytes, readers and rates. */
import { type SpeedCalibration, speedCalibration } from "../catalog/speed_calibration.ts";
import type { ReturnedBytes } from "../memory/reserved.ts";
import type { Dtype, TracedSpec } from "../language/pipeline.ts";
import { type Module, namedParameters } from "../model/module.ts";
import { Clock } from "../speed/clock.ts";
import { loadTime } from "../speed/load.ts";
import { runProgram } from "../speed/program_clock.ts";
import { ratesOf } from "../speed/rates.ts";
import {
  DTYPE_BYTES,
  type Placement,
  type StrategyContext,
  type Workload,
} from "../strategy/strategy.ts";
import { elements } from "../trace/trace.ts";
import { timesFactor } from "./interval.ts";
import type { Interval, TimePrediction } from "./prediction.ts";
import { programOf } from "./programs.ts";

/** Seconds of a workload, and which part of its prompt the host is ahead of the device at the end. */
export interface TimeOfCell {
  readonly time: TimePrediction;
  readonly hostIsAhead: number;
}

/**
 * How long a workload takes.
 *
 * @param returned What the allocator returns to the driver and takes anew while the cell runs.
 */
export function predictTime(
  placement: Placement,
  workload: Workload,
  context: StrategyContext,
  spec: TracedSpec,
  returned: ReturnedBytes = { prefill: 0, decode: 0 },
): TimeOfCell {
  const { dtype } = spec;
  const { hardware, stack, use, calibration } = context;
  const facts = speedCalibration(hardware.device, stack, use, calibration);
  const clock = new Clock(ratesOf(hardware, facts, {
    dtype,
    modules: placement.hookedModules ?? treeSize(context.root).modules,
    parameters: treeSize(context.root).parameters,
    pinned: placement.pinsWeights,
    graph: spec.decode === "graph",
  }));
  runProgram(programOf(placement, workload).program, workload.batchSize, clock);
  const time = {
    ...readLoad(placement, context, dtype, facts),
    ...readSteps(clock, workload, placement.streams, {
      prefill: returnTime(returned.prefill, facts),
      decode: returnTime(returned.decode, facts),
    }),
  };
  return { time, hostIsAhead: clock.hostIsAhead("prefill") };
}

type LoadPrediction = Pick<TimePrediction, "importSeconds" | "weightsSeconds" | "loadSeconds">;

function readLoad(
  placement: Placement,
  context: StrategyContext,
  dtype: Dtype,
  facts: SpeedCalibration,
): LoadPrediction {
  const { hardware, root } = context;
  const { worldSize, checkpointReadBytes, offloadedBytes = 0 } = placement;
  const wholeBytes = treeSize(root).elements * DTYPE_BYTES[dtype];
  const readsWhole = checkpointReadBytes / worldSize > 0.9 * wholeBytes;
  const work = {
    ranks: worldSize,
    nodes: hardware.nodes,
    readBytes: checkpointReadBytes,
    uniqueBytes: Math.min(checkpointReadBytes, wholeBytes),
    cuts: worldSize > 1 && readsWhole && placement.readsShare !== true,
    offloadedBytes,
    readsAhead: readsAhead(context, wholeBytes),
  };
  const { importSeconds, weightsSeconds } = loadTime(work, hardware, facts);
  const { spread } = facts;
  return {
    importSeconds,
    weightsSeconds,
    loadSeconds: {
      low: importSeconds / spread.import + weightsSeconds / spread.load,
      mid: importSeconds + weightsSeconds,
      high: importSeconds * spread.import + weightsSeconds * spread.load,
    },
  };
}

/** Of the host's memory what read_ahead.py fills at most: pages that are read too early are evicted again. */
const LARGEST_SHARE_OF_MEMORY = 0.6;

/** Whether the disk works while Python imports (stowage_worker/read_ahead.py): for GPUs, where the page cache has room. */
function readsAhead({ isScript, hardware, hostCapacityBytes }: StrategyContext, bytes: number) {
  const room = LARGEST_SHARE_OF_MEMORY * (hostCapacityBytes ?? Infinity);
  return !isScript && hardware.device.type === "gpu" && bytes <= room;
}

function readSteps(
  clock: Clock,
  { batchSize, newTokens }: Workload,
  streams: number,
  returning: Readonly<Record<keyof ReturnedBytes, Interval>>,
): Omit<TimePrediction, keyof LoadPrediction> {
  const milliseconds = (phase: keyof ReturnedBytes, passes: number) =>
    map(
      clock.span(phase),
      (seconds, end) => 1000 * (seconds + returning[phase][end] / passes),
    );
  const prefillMs = milliseconds("prefill", 1);
  const msPerStep = newTokens > 1 ? milliseconds("decode", newTokens - 1) : prefillMs;
  const tokens = batchSize * newTokens * streams;
  const stepsMs = map(msPerStep, (ms) => ms * (newTokens - 1));
  const together = clock.waitsForHost("prefill") && !clock.waitsForHost("decode")
    ? sumOfIndependent(prefillMs, stepsMs)
    : map(prefillMs, (ms, end) => ms + stepsMs[end]);
  const msPerToken = map(together, (ms) => ms / tokens);
  return {
    prefillMs,
    msPerStep,
    msPerToken,
    msPerTokenPerStream: map(msPerToken, (ms) => ms * streams),
    tokensPerSecond: 1000 / msPerToken.mid,
    streams,
    bound: clock.bound(newTokens > 1 ? "decode" : "prefill"),
    prefillBound: clock.bound("prefill"),
  };
}

/** Seconds that returning and taking anew costs. */
function returnTime(bytes: number, { returnSecondsPerByte, spread }: SpeedCalibration): Interval {
  return timesFactor(bytes * returnSecondsPerByte, spread.returned);
}

/** Sum of two times that have nothing in common: a first pass that the host holds up, and steps that it does not. */
function sumOfIndependent(a: Interval, b: Interval): Interval {
  const mid = a.mid + b.mid;
  return {
    low: mid - Math.hypot(a.mid - a.low, b.mid - b.low),
    mid,
    high: mid + Math.hypot(a.high - a.mid, b.high - b.mid),
  };
}

function map(
  { low, mid, high }: Interval,
  change: (value: number, end: keyof Interval) => number,
): Interval {
  return { low: change(low, "low"), mid: change(mid, "mid"), high: change(high, "high") };
}

/** Sizes of a module tree, counted once for all cells of a configuration. */
interface TreeSize {
  readonly modules: number;
  readonly parameters: number;
  readonly elements: number;
}

const TREE_SIZES = new WeakMap<Module, TreeSize>();

function treeSize(root: Module): TreeSize {
  let size = TREE_SIZES.get(root);
  if (size === undefined) {
    let count = 0;
    let parameters = 0;
    for (const { parameter } of namedParameters(root)) {
      if (parameter.tiedTo !== undefined) continue;
      count += elements(parameter.shape);
      parameters += 1;
    }
    size = { modules: countModules(root), parameters, elements: count };
    TREE_SIZES.set(root, size);
  }
  return size;
}

function countModules({ children }: Module): number {
  return children.reduce((count, child) => count + countModules(child), 1);
}
