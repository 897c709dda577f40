/** What the strategies have in common: the process before any weight, and ranks that are alike. */
import { memoryCalibration } from "../catalog/calibration.ts";
import type { StrategySpec } from "../language/pipeline.ts";
import { HOST, type TraceSink } from "../trace/trace.ts";
import type { PlacedDevice, StrategyContext } from "./strategy.ts";

/** Writes the start phase of one device: context or interpreter, and the communication library's buffers. */
export function traceStart(
  use: StrategySpec["use"],
  context: StrategyContext,
  device: number,
  worldSize: number,
  sink: TraceSink,
): void {
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
    return;
  }
  sink.allocate({
    device,
    name: "CUDA context and kernels",
    category: "context",
    bytes: facts.cudaContextBytes + facts.kernelModulesBytes,
  });
  if (worldSize > 1) {
    // Not of PyTorch's allocator, so they belong to the context as the libraries do.
    const bytes = facts.ncclBytes;
    sink.allocate({ device, name: "NCCL buffers", category: "context", bytes });
  }
  if (device === 0) {
    const bytes = facts.hostBaseBytes[use];
    sink.allocate({ device: HOST, name: "interpreter and libraries", category: "context", bytes });
  }
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
