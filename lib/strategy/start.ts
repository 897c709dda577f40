/** What the strategies have in common: the process before any weight, and ranks that are alike. */
import { type MemoryCalibration, memoryCalibration } from "../catalog/calibration.ts";
import type { StrategySpec } from "../language/pipeline.ts";
import { HOST, type TraceSink } from "../trace/trace.ts";
import type { PlacedDevice, StrategyContext } from "./strategy.ts";

/**
 * Writes the start phase of one device: context or interpreter, and the communication library's buffers.
 *
 * @returns What of the device is taken.
 */
export function traceStart(
  use: StrategySpec["use"],
  context: StrategyContext,
  device: number,
  worldSize: number,
  sink: TraceSink,
): number {
  sink.beginPhase("start", 0);
  const { type } = context.hardware.device;
  const facts = memoryCalibration(context.stack);
  if (type === "cpu") {
    // A cpu device is the worker process itself, so its interpreter and libraries are the device's.
    sink.allocate({
      device,
      name: "interpreter and libraries",
      category: "context",
      bytes: facts.cpuBaseBytes[use],
    });
    return facts.cpuBaseBytes[use];
  }
  sink.allocate({
    device,
    name: "CUDA context and kernels",
    category: "context",
    bytes: facts.cudaContextBytes + facts.kernelModulesBytes,
  });
  const ncclBytes = communicationBytes(use, worldSize, facts);
  if (ncclBytes > 0) {
    // Not of PyTorch's allocator, so they belong to the context as the libraries do.
    sink.allocate({ device, name: "NCCL buffers", category: "context", bytes: ncclBytes });
  }
  if (device === 0) {
    const bytes = facts.hostBaseBytes[use];
    sink.allocate({ device: HOST, name: "interpreter and libraries", category: "context", bytes });
  }
  return facts.cudaContextBytes + facts.kernelModulesBytes + ncclBytes;
}

/** NCCL is set up by the first collective: ZeRO has one even with one rank, tensor parallelism then has none. */
function communicationBytes(
  use: StrategySpec["use"],
  worldSize: number,
  facts: MemoryCalibration,
): number {
  if (worldSize > 1) return facts.ncclBytes;
  return use === "ds-zero" ? facts.ncclOneRankBytes : 0;
}

/** Writes what the first generation loads into the host beside GPUs; on a device it is part of the context. */
export function traceHostKernels(context: StrategyContext, sink: TraceSink): void {
  if (context.hardware.device.type === "cpu") return;
  const bytes = memoryCalibration(context.stack).hostKernelsBytes;
  sink.allocate({ device: HOST, name: "kernels and handles", category: "context", bytes });
}

/** One device per rank, all told by the trace of rank 0. */
export function symmetricDevices(ranks: number, context: StrategyContext): PlacedDevice[] {
  const perNode = context.hardware.deviceCount;
  return Array.from({ length: ranks }, (_, rank) => ({
    index: rank % perNode,
    node: Math.floor(rank / perNode),
    traced: 0,
  }));
}
