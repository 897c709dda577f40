/** What the strategies have in common: the process before any weight, and ranks that are alike. */
import { type MemoryCalibration, memoryCalibration } from "../catalog/calibration.ts";
import type { TracedSpec } from "../language/pipeline.ts";
import { HOST, type TraceSink } from "../trace/trace.ts";
import type { PlacedDevice, StrategyContext } from "./strategy.ts";

/**
 * Writes the start phase of one device: context or interpreter, and the communication library's buffers.
 *
 * @returns What of the device is taken.
 */
export function traceStart(
  use: TracedSpec["use"],
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
    name: "CUDA context",
    category: "context",
    bytes: facts.cudaContextBytes,
  });
  const ncclBytes = communicationBytes(use, worldSize, facts);
  if (ncclBytes > 0) {
    // Not of PyTorch's allocator, so they belong to the context as the libraries do.
    sink.allocate({ device, name: "NCCL buffers", category: "context", bytes: ncclBytes });
    // The element that ranks sum when they wait for each other first (`ProcessGroupNCCL::barrier`): it stays.
    sink.allocate({ device, name: "barrier", category: "workspace", bytes: 4 });
  }
  traceHostStart(use, facts, device, ncclBytes > 0, sink);
  return facts.cudaContextBytes + ncclBytes;
}

/** One process has one interpreter, however many devices it sees; each of their contexts takes something of the host. */
function traceHostStart(
  use: TracedSpec["use"],
  facts: MemoryCalibration,
  device: number,
  hasCommunicator: boolean,
  sink: TraceSink,
): void {
  const keep = (name: string, bytes: number) =>
    sink.allocate({ device: HOST, name, category: "context", bytes });
  if (device !== 0) {
    keep("context of a further device", facts.hostFurtherContextBytes);
    return;
  }
  keep("interpreter and libraries", facts.hostBaseBytes[use]);
  keep("pinned buffers of the context", facts.hostPinnedContextBytes);
  if (hasCommunicator) keep("communicator", facts.hostCommunicatorBytes);
}

/** NCCL is set up by the first collective: ZeRO has one even with one rank, tensor parallelism then has none. */
function communicationBytes(
  use: TracedSpec["use"],
  worldSize: number,
  facts: MemoryCalibration,
): number {
  if (worldSize > 1) return facts.ncclBytes[use];
  return use === "ds-zero" ? facts.ncclOneRankBytes : 0;
}

/**
 * Writes what the first generation loads on its devices, as CUDA loads kernels when they are first used, and beside them
 * into the host.
 */
export function traceFirstGeneration(
  { decode, attention }: Pick<TracedSpec, "decode" | "attention">,
  context: StrategyContext,
  devices: readonly number[],
  sink: TraceSink,
): void {
  if (context.hardware.device.type === "cpu") return;
  const facts = memoryCalibration(context.stack);
  const keep = (device: number, name: string, bytes: number) =>
    sink.allocate({ device, name, category: "context", bytes });
  const isFused = attention === "sdpa";
  for (const device of devices) {
    keep(device, "kernels", facts.kernelModulesBytes + (isFused ? facts.fusedAttentionBytes : 0));
  }
  const [modelType = ""] = context.family.modelTypes;
  const kernels = (facts.hostKernelsBytes[modelType] ?? 0) +
    (isFused ? facts.hostFusedAttentionBytes : 0);
  keep(HOST, "kernels and handles", kernels);
  if (decode !== "graph") return;
  keep(HOST, "Triton", facts.hostGraphBytes);
  keep(0, "captured graph", facts.graphBytes);
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
