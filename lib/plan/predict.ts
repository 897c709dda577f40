/**
 * The prediction of one cell: its trace through the memory and the time interpreter, set against what the
 * hardware has.
 */
import { memoryCalibration, speedCalibration } from "../catalog/calibration.ts";
import type { Hardware } from "../catalog/types.ts";
import { type Peak, PeakMemory } from "../memory/peak.ts";
import type { Dtype } from "../language/pipeline.ts";
import { Roofline } from "../speed/roofline.ts";
import type { Placement, StrategyContext, Workload } from "../strategy/strategy.ts";
import { broadcast, HOST, type Phase } from "../trace/trace.ts";
import { deviceInterval, hostInterval, timesFactor } from "./interval.ts";
import type { DevicePrediction, HostPrediction, TimePrediction } from "./plan.ts";

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
  const memory = new PeakMemory(BLOCK_BYTES[context.hardware.device.type]);
  placement.trace(workload, memory);
  return readNeed(memory, placement, context);
}

/** Bytes and seconds of a workload, in one walk over its trace. */
export function predictCell(
  placement: Placement,
  workload: Workload,
  context: StrategyContext,
  dtype: Dtype,
): { need: Need; time: TimePrediction } {
  const memory = new PeakMemory(BLOCK_BYTES[context.hardware.device.type]);
  const speed = new Roofline(rates(context.hardware, dtype));
  placement.trace(workload, broadcast([memory, speed]));
  return {
    need: readNeed(memory, placement, context),
    time: readTime(speed, placement, workload, context),
  };
}

function readNeed(memory: PeakMemory, placement: Placement, context: StrategyContext): Need {
  const { hardware } = context;
  const isGpu = hardware.device.type === "gpu";
  const capacityBytes = context.deviceCapacityBytes;
  const devices = placement.devices.map(({ index, node, traced }) => {
    const peak = memory.peak(traced);
    const after = memory.peak(traced, AFTER_LOADING);
    const loading = memory.peak(traced, ["load"]);
    const outside = after.byCategory.context + after.byCategory.workspace;
    return {
      index,
      node,
      weightsBytes: after.byCategory.weights,
      kvBytes: memory.peakOf(traced, "kv"),
      activationBytes: after.byCategory.activation,
      workspaceBytes: after.byCategory.workspace,
      contextBytes: after.byCategory.context,
      communicationBytes: after.byCategory.communication,
      loadPeakAllocatedBytes: isGpu ? loading.bytes - loading.byCategory.context : null,
      peakAllocatedBytes: isGpu ? after.bytes - outside : null,
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

function rates(hardware: Hardware, dtype: Dtype) {
  const { device } = hardware;
  const facts = speedCalibration(device);
  const flops = device.flops[dtype] ?? device.flops.float32 ?? 0;
  return {
    memoryBytesPerSecond: device.bandwidthBytesPerSecond * facts.memoryEfficiency,
    flopsPerSecond: flops * facts.flopsEfficiency,
    launchSeconds: facts.launchSeconds,
    deviceLinkBytesPerSecond: device.linkBytesPerSecond * facts.linkEfficiency,
    hostLinkBytesPerSecond: device.hostLinkBytesPerSecond * facts.linkEfficiency,
    diskBytesPerSecond: hardware.diskBytesPerSecond ?? DEFAULT_DISK_BYTES_PER_SECOND,
    linkLatencySeconds: facts.linkLatencySeconds,
  };
}

/** A plain NVMe drive, for hardware that does not declare its disk. */
const DEFAULT_DISK_BYTES_PER_SECOND = 2e9;

function readTime(
  speed: Roofline,
  placement: Placement,
  { batchSize, newTokens }: Workload,
  context: StrategyContext,
): TimePrediction {
  const { hardware } = context;
  const facts = speedCalibration(hardware.device);
  const disk = hardware.diskBytesPerSecond ?? DEFAULT_DISK_BYTES_PER_SECOND;
  const importSeconds = facts.importSeconds[context.use];
  const weightsSeconds = facts.setupSeconds[context.use] + placement.checkpointReadBytes / disk;
  const prefillMs = speed.seconds("prefill") * 1000;
  const msPerStep = (newTokens > 1 ? speed.seconds("decode") : speed.seconds("prefill")) * 1000;
  const generateMs = prefillMs + msPerStep * (newTokens - 1);
  const { streams } = placement;
  const msPerToken = generateMs / (batchSize * newTokens * streams);
  const spread = facts.stepFactor;
  return {
    importSeconds,
    weightsSeconds,
    loadSeconds: timesFactor(importSeconds + weightsSeconds, facts.loadFactor),
    prefillMs: timesFactor(prefillMs, spread),
    msPerStep: timesFactor(msPerStep, spread),
    msPerToken: timesFactor(msPerToken, spread),
    msPerTokenPerStream: timesFactor(msPerToken * streams, spread),
    tokensPerSecond: 1000 / msPerToken,
    streams,
  };
}
