/** How long a cell takes: its trace through the time interpreter, and the load from bytes and fixed costs. */
import { speedCalibration } from "../catalog/calibration.ts";
import type { Hardware } from "../catalog/types.ts";
import type { Dtype } from "../language/pipeline.ts";
import { Roofline } from "../speed/roofline.ts";
import type { Placement, StrategyContext, Workload } from "../strategy/strategy.ts";
import type { TraceSink } from "../trace/trace.ts";
import { timesFactor } from "./interval.ts";
import type { TimePrediction } from "./plan.ts";

/** A sink for the trace of one cell, and what it says when the trace has been written. */
export function timeMeter(
  placement: Placement,
  workload: Workload,
  context: StrategyContext,
  dtype: Dtype,
): { readonly sink: TraceSink; read(): TimePrediction } {
  const speed = new Roofline(rates(context.hardware, dtype));
  return { sink: speed, read: () => readTime(speed, placement, workload, context) };
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
