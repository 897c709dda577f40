/** What a cell needs of every device and host: its trace through the memory interpreter. */
import { type Peak, PeakMemory, type Peaks } from "../memory/peak.ts";
import { MissingReplay, type Reserved, type ReturnedBytes } from "../memory/reserved.ts";
import type { Placement, StrategyContext, Workload } from "../strategy/strategy.ts";
import { CELL_PHASES } from "../trace/trace.ts";
import {
  cpuInterval,
  doubted,
  filledInterval,
  requiredInterval,
  requiredMargin,
} from "./interval.ts";
import { predictHosts } from "./predict_host.ts";
import type { DevicePrediction, HostPrediction, Interval } from "./prediction.ts";
import { hasProgram, programOf } from "./programs.ts";
import { nearNeed, type ReservedLimits, reservedNeed } from "./reserved_need.ts";

/** PyTorch's CUDA allocator rounds blocks to 512 B, its CPU allocator aligns them to 64 B. */
const BLOCK_BYTES = { gpu: 512, cpu: 64 } as const;

/** What a device needs, before it is judged. */
export interface DeviceNeed extends DevicePrediction {
  readonly peak: Peak;
  /** The least capacity with which the cell runs: on a GPU less than it fills, where cached memory can be returned. */
  readonly required: Interval;
  /** See `Reserved.returnedBytes`. */
  readonly returnedBytes: ReturnedBytes;
}

/** What a cell needs, before it is judged. */
export interface Need {
  readonly devices: readonly DeviceNeed[];
  readonly hosts: readonly HostPrediction[];
}

/** Bytes of every device and node for a workload. */
export function predictMemory(
  placement: Placement,
  workload: Workload,
  context: StrategyContext,
): Need {
  const isGpu = context.hardware.device.type === "gpu";
  const memory = peaksOf(placement, workload, context);
  const terms = isGpu
    ? (peak: Peak, device: number) =>
      gpuTerms(peak, device, outsideBytes(memory, device), placement, workload, context)
    : cpuTerms;
  return readNeed(memory, placement, context, terms);
}

/**
 * As `predictMemory`, to be judged by whether it fits and by nothing else: every device is replayed once, and none after one
 * that is beyond its capacity.
 */
export function nearMemory(
  placement: Placement,
  workload: Workload,
  context: StrategyContext,
): Need {
  if (context.hardware.device.type !== "gpu") return predictMemory(placement, workload, context);
  const memory = peaksOf(placement, workload, context);
  let fits = true;
  return readNeed(memory, placement, context, (peak, device) => {
    if (!fits) return sumTerms(peak);
    const outside = outsideBytes(memory, device);
    const terms = gpuTerms(peak, device, outside, placement, workload, context, nearNeed);
    fits = terms.required.mid <= capacityOf(context);
    return terms;
  });
}

/** As `predictMemory`, but for the tensors alone: no allocator can do with less. */
export function tensorNeed(
  placement: Placement,
  workload: Workload,
  context: StrategyContext,
): Need {
  const terms = context.hardware.device.type === "gpu" ? sumTerms : cpuTerms;
  return readNeed(peaksOf(placement, workload, context), placement, context, terms);
}

/** The same for a workload of which nothing else is asked: without a program, one walk along the trace is quicker. */
export function tensorNeedOnce(
  placement: Placement,
  workload: Workload,
  context: StrategyContext,
): Need {
  if (hasProgram(placement, workload)) return tensorNeed(placement, workload, context);
  const terms = context.hardware.device.type === "gpu" ? sumTerms : cpuTerms;
  return readNeed(walkedOnce(placement, workload, context), placement, context, terms);
}

/** Sums of the tensors: of the program, or where it cannot tell of the trace itself. */
function peaksOf(placement: Placement, workload: Workload, context: StrategyContext): Peaks {
  const roundTo = BLOCK_BYTES[context.hardware.device.type];
  const sums = programOf(placement, workload).sums();
  return sums?.run(workload.batchSize, roundTo) ?? walk(placement, workload, context);
}

/** What was found along a trace, by the workload. */
const WALKED = new WeakMap<Placement["trace"], Map<string, Peaks>>();

function walkedOnce(placement: Placement, workload: Workload, context: StrategyContext): Peaks {
  const { batchSize, promptTokens, newTokens } = workload;
  const key = `${batchSize} ${promptTokens} ${newTokens} ${context.hardware.device.type}`;
  let known = WALKED.get(placement.trace);
  if (known === undefined) WALKED.set(placement.trace, known = new Map());
  let peaks = known.get(key);
  if (peaks === undefined) known.set(key, peaks = walk(placement, workload, context));
  return peaks;
}

function walk(placement: Placement, workload: Workload, context: StrategyContext): Peaks {
  const memory = new PeakMemory(BLOCK_BYTES[context.hardware.device.type]);
  const { batchSize, promptTokens, newTokens } = workload;
  placement.trace({ batchSize, promptTokens, newTokens }, memory);
  return memory;
}

function readNeed(
  memory: Peaks,
  placement: Placement,
  context: StrategyContext,
  terms: (peak: Peak, device: number) => AllocatorTerms,
): Need {
  const capacityBytes = context.deviceCapacityBytes;
  const traced = new Map<number, Omit<DeviceNeed, "index" | "node">>();
  let missing: MissingReplay | undefined;
  for (const device of new Set(placement.devices.map(({ traced }) => traced))) {
    const sums = deviceSums(memory, device);
    try {
      traced.set(device, { ...sums, capacityBytes, ...terms(sums.peak, device) });
    } catch (error) {
      // The others may miss one too.
      if (!(error instanceof MissingReplay)) throw error;
      missing = error;
    }
  }
  if (missing !== undefined) throw missing;
  const devices = placement.devices.map(({ index, node, traced: device }) => ({
    index,
    node,
    ...traced.get(device) as Omit<DeviceNeed, "index" | "node">,
  }));
  return { devices, hosts: predictHosts(memory, placement, context) };
}

type AllocatorTerms = Pick<
  DeviceNeed,
  | "loadPeakAllocatedBytes"
  | "peakAllocatedBytes"
  | "peakReservedBytes"
  | "allocatorRetries"
  | "peakBytes"
  | "required"
  | "returnedBytes"
>;

function deviceSums(memory: Peaks, device: number) {
  const after = memory.peak(device, CELL_PHASES);
  return {
    weightsBytes: after.byCategory.weights,
    kvBytes: memory.peakOf(device, "kv"),
    activationBytes: after.byCategory.activation,
    workspaceBytes: after.byCategory.workspace,
    contextBytes: after.byCategory.context,
    communicationBytes: after.byCategory.communication,
    peak: memory.peak(device),
  };
}

function cpuTerms(peak: Peak): AllocatorTerms {
  const peakBytes = cpuInterval(peak);
  return {
    loadPeakAllocatedBytes: null,
    peakAllocatedBytes: null,
    peakReservedBytes: null,
    allocatorRetries: null,
    peakBytes,
    required: peakBytes,
    returnedBytes: { prefill: 0, decode: 0 },
  };
}

/** The tensors of a GPU, as if the allocator wasted nothing. */
function sumTerms(peak: Peak): AllocatorTerms {
  const required = requiredInterval(peak.bytes, peak);
  return { ...cpuTerms(peak), peakBytes: required, required };
}

/** What PyTorch's allocator knows nothing of. */
interface OutsideBytes {
  readonly loading: number;
  readonly generating: number;
}

function outsideBytes(memory: Peaks, device: number): OutsideBytes {
  return {
    loading: memory.peak(device, ["start", "load"]).outsideBytes,
    generating: memory.peak(device, CELL_PHASES).outsideBytes,
  };
}

function gpuTerms(
  peak: Peak,
  device: number,
  outside: OutsideBytes,
  placement: Placement,
  workload: Workload,
  context: StrategyContext,
  needOf = reservedNeed,
): AllocatorTerms {
  const outsideBytes = Math.max(peak.outsideBytes, outside.generating);
  const capacity = capacityOf(context);
  const { reserved, requiredBytes } = needOf(
    programOf(placement, workload).replay(device),
    workload.batchSize,
    peak.bytes - outsideBytes,
    {
      availableBytes: beside(capacity, peak, outside),
      marginBytes: requiredMargin(peak),
      ...allocatorOf(peak, outside, context),
    },
  );
  const required = doubted(
    requiredInterval(requiredBytes + outsideBytes, peak),
    placement.doubtBytes,
  );
  return {
    loadPeakAllocatedBytes: reserved.loadPeakAllocatedBytes,
    peakAllocatedBytes: reserved.peakAllocatedBytes,
    peakReservedBytes: reserved.peakReservedBytes,
    allocatorRetries: reserved.retries,
    returnedBytes: reserved.returnedBytes,
    // What a cell that runs out of memory would fill is not known: no less than it requires.
    peakBytes: reserved.failure === undefined
      ? doubted(
        filledInterval(filledBytes(reserved, outside), peak, capacity),
        placement.doubtBytes,
        capacity,
      )
      : required,
    required,
  };
}

function capacityOf({ deviceCapacityBytes }: StrategyContext): number {
  return deviceCapacityBytes ?? Infinity;
}

/** How PyTorch's allocator is set up. */
function allocatorOf(
  peak: Peak,
  outside: OutsideBytes,
  { allocator, deviceIsCapped = false, hardware }: StrategyContext,
): Pick<ReservedLimits, "expandableSegments" | "driverBytes"> {
  const expandableSegments = allocator === "expandable";
  if (!deviceIsCapped) return { expandableSegments };
  return {
    expandableSegments,
    driverBytes: beside(hardware.device.memoryBytes ?? Infinity, peak, outside),
  };
}

/** What of so many bytes is left to the allocator. */
function beside(bytes: number, peak: Peak, outside: OutsideBytes): number {
  return Math.max(0, bytes - Math.max(peak.outsideBytes, outside.generating));
}

/** What was taken at most: by loading, or by a generation, which has more beside the allocator. */
function filledBytes(
  { loadPeakReservedBytes, peakReservedBytes }: Reserved,
  { loading, generating }: OutsideBytes,
): number {
  return Math.max(loadPeakReservedBytes + loading, peakReservedBytes + generating);
}
