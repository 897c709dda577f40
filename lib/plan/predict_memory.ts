/** What a cell needs of every device and host: its trace through the memory interpreter. */
import { memoryCalibration } from "../catalog/calibration.ts";
import { type Peak, PeakMemory } from "../memory/peak.ts";
import type { Placement, StrategyContext, Workload } from "../strategy/strategy.ts";
import { HOST, type Phase, type TraceSink } from "../trace/trace.ts";
import { deviceInterval, hostInterval } from "./interval.ts";
import type { DevicePrediction, HostPrediction } from "./plan.ts";

/** PyTorch's CUDA allocator rounds blocks to 512 B, its CPU allocator aligns them to 64 B. */
const BLOCK_BYTES = { gpu: 512, cpu: 64 } as const;

const AFTER_LOADING: readonly Phase[] = ["prefill", "decode"];

/** What a cell needs, before it is judged. */
export interface Need {
  readonly devices: readonly (DevicePrediction & { readonly peak: Peak })[];
  readonly hosts: readonly HostPrediction[];
}

/** Bytes of every device and node for a workload. */
export function predictMemory(
  placement: Placement,
  workload: Workload,
  context: StrategyContext,
): Need {
  const meter = memoryMeter(placement, context);
  placement.trace(workload, meter.sink);
  return meter.read();
}

/** A sink for the trace of one cell, and what it says when the trace has been written. */
export function memoryMeter(
  placement: Placement,
  context: StrategyContext,
): { readonly sink: TraceSink; read(): Need } {
  const memory = new PeakMemory(BLOCK_BYTES[context.hardware.device.type]);
  return { sink: memory, read: () => readNeed(memory, placement, context) };
}

function readNeed(memory: PeakMemory, placement: Placement, context: StrategyContext): Need {
  const { hardware } = context;
  const isGpu = hardware.device.type === "gpu";
  const capacityBytes = context.deviceCapacityBytes;
  const devices = placement.devices.map(({ index, node, traced }) => {
    const peak = memory.peak(traced);
    const after = memory.peak(traced, AFTER_LOADING);
    const loading = memory.peak(traced, ["load"]);
    return {
      index,
      node,
      weightsBytes: after.byCategory.weights,
      kvBytes: memory.peakOf(traced, "kv"),
      activationBytes: after.byCategory.activation,
      workspaceBytes: after.byCategory.workspace,
      contextBytes: after.byCategory.context,
      communicationBytes: after.byCategory.communication,
      loadPeakAllocatedBytes: isGpu ? loading.bytes - loading.outsideBytes : null,
      peakAllocatedBytes: isGpu ? after.bytes - after.outsideBytes : null,
      peakReservedBytes: null,
      peakBytes: deviceInterval(peak, hardware.device.type),
      capacityBytes,
      peak,
    };
  });
  return { devices, hosts: readHosts(memory, placement, context) };
}

/**
 * Each node holds the processes of its ranks. A cpu device is such a process: of what it holds, the host's private
 * memory has all but the pages of libraries that were never touched and weights that are mapped from their file.
 */
function readHosts(
  memory: PeakMemory,
  placement: Placement,
  context: StrategyContext,
): HostPrediction[] {
  const { hardware } = context;
  const isCpu = hardware.device.type === "cpu";
  const nodes = [...new Set(placement.devices.map(({ node }) => node))];
  const perRankBytes = isCpu
    ? residentBytes(memory.peak(0), placement, context)
    : memory.peak(HOST).bytes;
  const pinnedBytes = isCpu ? 0 : memory.peakOf(HOST, "workspace") +
    (placement.pinsWeights ? memory.peakOf(HOST, "weights") : 0);
  return nodes.map((node) => {
    const ranks = placement.worldSize === 1
      ? 1
      : placement.devices.filter((device) => device.node === node).length;
    return {
      node,
      perRankBytes,
      pinnedBytes: pinnedBytes * ranks,
      peakBytes: hostInterval(perRankBytes * ranks, hardware.device.type),
      capacityBytes: context.hostCapacityBytes,
    };
  });
}

function residentBytes(
  { bytes, byCategory }: Peak,
  { mapsWeights }: Placement,
  { stack, use }: StrategyContext,
): number {
  const { cpuBaseBytes, cpuBaseResidentBytes } = memoryCalibration(stack);
  const mapped = mapsWeights ? byCategory.weights : 0;
  return bytes - cpuBaseBytes[use] + cpuBaseResidentBytes[use] - mapped;
}
