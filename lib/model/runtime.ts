/** What stays the same for all passes of a generation and decides which tensors they make. */
import { type BehaviourName, behavioursOf } from "../catalog/behaviours.ts";
import type { Device, Stack } from "../catalog/types.ts";
import type { Dtype } from "../language/pipeline.ts";

export interface Runtime {
  readonly dtype: Exclude<Dtype, "int8">;
  /** Bytes of one element of activations and cache. */
  readonly elementBytes: number;
  /** PyTorch's kernels for CPU and CUDA take different temporaries. */
  readonly deviceType: Device["type"];
  /** Hugging Face `attn_implementation`. */
  readonly attention: "eager" | "sdpa";
  /** Hugging Face `cache_implementation`. */
  readonly cache: "dynamic" | "static";
  /** Whether the steps after the prefill are the library's own, or the replay of a captured one. */
  readonly decode: "eager" | "graph";
  readonly behaviours: ReadonlySet<BehaviourName>;
  /** Whether the weights ask for no gradients, unlike those of `from_pretrained`: PyTorch folds products less then. */
  readonly frozenWeights?: boolean;
  /** What the first product on a device takes for cuBLAS and keeps; 0 where there is no cuBLAS. */
  readonly cublasWorkspaceBytes: number;
}

/** Bytes of one element. */
const DTYPE_BYTES = { float32: 4, float16: 2, bfloat16: 2 } as const;

/** The runtime of a device and a stack, with what a strategy chooses. */
export function runtimeOf(
  choice: { readonly dtype: Dtype } & Partial<Pick<Runtime, "attention" | "cache" | "decode">>,
  device: Pick<Device, "kind" | "type">,
  stack: Stack,
): Runtime {
  const { attention = "eager", cache = "dynamic", decode = "eager" } = choice;
  // Quantized weights are multiplied with float16.
  const dtype = choice.dtype === "int8" ? "float16" : choice.dtype;
  return {
    dtype,
    elementBytes: DTYPE_BYTES[dtype],
    deviceType: device.type,
    attention,
    cache,
    decode,
    behaviours: behavioursOf(stack),
    cublasWorkspaceBytes: device.type === "gpu" ? cublasWorkspaceBytes(device.kind) : 0,
  };
}

/**
 * `parseChosenWorkspaceSize` of ATen/cuda/CublasHandlePool.cpp without CUBLAS_WORKSPACE_CONFIG: 32 MiB on Hopper
 * and Blackwell, `:4096:2:16:8` (two buffers of 4 MiB, eight of 16 KiB) before them.
 */
function cublasWorkspaceBytes(kind: string): number {
  return /^G?[HB]\d/.test(kind) ? 32 * 2 ** 20 : (2 * 4096 + 8 * 16) * 2 ** 10;
}
