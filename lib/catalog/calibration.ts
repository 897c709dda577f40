/** The constants of memory that cannot be derived, each with the run or the source it came from (data/calibration.json). */
import type { TracedSpec } from "../language/pipeline.ts";
import data from "./data/calibration.json" with { type: "json" };
import type { Stack } from "./types.ts";

type ByStrategy = Readonly<Record<TracedSpec["use"], number>>;

/** Constants of the memory model. */
export interface MemoryCalibration {
  /** CUDA context of one process on one GPU. */
  readonly cudaContextBytes: number;
  /** What the driver takes beside it once the kernels of a generation have been loaded. */
  readonly kernelModulesBytes: number;
  /** What the kernels of fused attention take of it more. */
  readonly fusedAttentionBytes: number;
  /** What the driver takes for a captured graph of a decode step. */
  readonly graphBytes: number;
  /** NCCL's buffers on one GPU of a group of several. */
  readonly ncclBytes: ByStrategy;
  /** NCCL's buffers in a group of one. */
  readonly ncclOneRankBytes: number;
  /** What DeepSpeed's injected kernels take beside their workspace. */
  readonly kernelInjectionBytes: number;
  /** Fitted, not explained: what ZeRO-3 over several ranks held in 2022 beside everything that is traced. */
  readonly zeroUnidentifiedBytes: {
    readonly low: number;
    readonly mid: number;
    readonly high: number;
  };
  /** Private memory of one rank's interpreter, libraries and first context, beside a GPU. */
  readonly hostBaseBytes: ByStrategy;
  /** What a communicator takes of the host. */
  readonly hostCommunicatorBytes: number;
  /** Pinned memory of the first context. */
  readonly hostPinnedContextBytes: number;
  /** What each further context of the same process takes. */
  readonly hostFurtherContextBytes: number;
  /** What that grows by when the kernels of a generation are loaded, by the first model type of the family. */
  readonly hostKernelsBytes: Readonly<Record<string, number>>;
  /** What more the kernels of fused attention take, */
  readonly hostFusedAttentionBytes: number;
  /** and Triton, which the captured step is made of. */
  readonly hostGraphBytes: number;
  /** VmData of one rank after its imports, on a cpu device. */
  readonly cpuBaseBytes: ByStrategy;
  /** RssAnon at the same moment. */
  readonly cpuBaseResidentBytes: ByStrategy;
}

/** How far off predicted bytes may be in 90 % of cases. Parts of what is named, or factors on it. */
export interface MemoryIntervals {
  /** Of what a device holds beside weights and libraries. */
  readonly churnedBelow: number;
  readonly churnedAbove: number;
  /** The same of the least memory that a cell runs with. */
  readonly requiredOfChurned: number;
  /** Of what is outside PyTorch's allocator. */
  readonly outside: number;
  /** Factors on the peak of a host. */
  readonly hostBesideGpu: number;
  readonly hostOfCpu: number;
  /** Of interpreter and libraries, and of activations, on a cpu device. */
  readonly cpuContext: number;
  readonly cpuActivation: number;
}

/** What the residuals of measured runs say. */
export const MEMORY_INTERVALS: MemoryIntervals = Object.fromEntries(
  Object.entries(data.intervals).map(([name, { value }]) => [name, value]),
) as unknown as MemoryIntervals;

/** Memory constants of a stack. */
export function memoryCalibration(stack: Stack): MemoryCalibration {
  const { memory } = data;
  const isOld = Number.parseInt(stack.versions["torch"] ?? "", 10) < 2;
  return {
    cudaContextBytes: (isOld ? memory.cudaContextBytesTorch1 : memory.cudaContextBytes).value,
    // Before 2.0 the context had all kernels from the start.
    kernelModulesBytes: isOld ? 0 : memory.kernelModulesBytes.value,
    fusedAttentionBytes: isOld ? 0 : memory.fusedAttentionBytes.value,
    graphBytes: memory.graphBytes.value,
    ncclBytes: isOld ? everywhere(memory.ncclBytesTorch1.value) : memory.ncclBytes.values,
    ncclOneRankBytes: memory.ncclOneRankBytes.value,
    kernelInjectionBytes: isOld ? 0 : memory.kernelInjectionBytes.value,
    zeroUnidentifiedBytes: {
      low: memory.zeroUnidentifiedBytes.low,
      mid: memory.zeroUnidentifiedBytes.value,
      high: memory.zeroUnidentifiedBytes.high,
    },
    hostBaseBytes: memory.hostBaseBytes.values,
    hostCommunicatorBytes: memory.hostCommunicatorBytes.value,
    hostPinnedContextBytes: memory.hostPinnedContextBytes.value,
    hostFurtherContextBytes: memory.hostFurtherContextBytes.value,
    hostKernelsBytes: memory.hostKernelsBytes.values,
    hostFusedAttentionBytes: memory.hostFusedAttentionBytes.value,
    hostGraphBytes: memory.hostGraphBytes.value,
    cpuBaseBytes: memory.cpuBaseBytes.values,
    cpuBaseResidentBytes: memory.cpuBaseResidentBytes.values,
  };
}

function everywhere(bytes: number): ByStrategy {
  return { accelerate: bytes, "ds-inference": bytes, "ds-zero": bytes };
}
