/**
 * What the texts of failing libraries mean, and what to do about each. The patterns are quoted from the sources of the
 * libraries and from logs that their users published; the first that matches counts.
 */
import type { CellStatus } from "./protocol.ts";

/** A failure with a name. */
export interface Failure {
  /** Stable name, for programs. */
  readonly kind: FailureKind;
  /** The next step, as a sentence without a final period. */
  readonly advice: string;
}

/** Names of failures. */
export type FailureKind =
  | "device-oom"
  | "fragmentation"
  | "workspace-oom"
  | "library-oom"
  | "weights-do-not-fit"
  | "host-oom"
  | "shm-full"
  | "port-taken"
  | "illegal-memory-access"
  | "kernel-error"
  | "no-kernel-image"
  | "not-finite"
  /** A rank found a file of shards that was cut for another, or from something else. */
  | "wrong-shard"
  | "disk-full"
  /** A command of the user's own printed nothing to measure by. */
  | "no-stats"
  /** It measured something else than the cell. */
  | "other-work";

interface Rule {
  readonly kind: FailureKind;
  /** What the cell's status is where only the text tells. */
  readonly status: CellStatus;
  readonly pattern: RegExp;
  readonly advice: string;
}

const LESS =
  "use a smaller batch, fewer tokens or more devices; stowage plan shows what needs the memory";

const RULES: readonly Rule[] = [
  {
    // DeepSpeed: csrc/transformer/inference (pt_binding.cpp, inference_context.h)
    kind: "workspace-oom",
    status: "oom",
    pattern: /Workspace is null|Workspace can't be allocated/i,
    advice:
      "lower maxOutTokens or the batch, or set kernelInject: false: the workspace is allocated outside PyTorch",
  },
  {
    kind: "library-oom",
    status: "oom",
    pattern:
      /CUBLAS_STATUS_ALLOC_FAILED|CUDNN_STATUS_ALLOC_FAILED|NCCL[^\n]*(Cuda failure[^\n]*|Failed to CUDA (host )?(m|c)alloc[^\n]*)out of memory/i,
    advice:
      "leave room outside PyTorch's allocator: lower maxMemory, or set budget.device a little lower",
  },
  {
    // accelerate: utils/modeling.py, big_modeling.py; transformers: modeling_utils.py
    kind: "weights-do-not-fit",
    status: "oom",
    pattern:
      /We need an `offload_dir` to dispatch this model|had weights offloaded to the disk|dispatched on the CPU or the disk/,
    advice:
      "the weights do not fit on the devices and the host: raise maxMemory, set offloadFolder, or use more devices",
  },
  {
    // torch <= 2.0, >= 2.1, bitsandbytes (csrc/ops.cu: "Error out of memory at line"), HIP
    kind: "device-oom",
    status: "oom",
    pattern:
      /(CUDA|HIP) out of memory|(CUDA|HIP) error: out of memory|cudaErrorMemoryAllocation|Error out of memory at line|\bOutOfMemoryError\b/,
    advice: LESS,
  },
  {
    kind: "device-oom",
    status: "oom",
    pattern:
      /can't allocate memory|not enough memory: you tried to allocate|std::bad_alloc|\bMemoryError\b|Cannot allocate memory|unable to mmap|unable to allocate/i,
    advice: LESS,
  },
  {
    kind: "shm-full",
    status: "host-oom",
    pattern:
      /(return code = |exitcode *: )-7\b|Signal 7 \(SIGBUS\)|Bus error|SIGBUS|unable to (open|resize|write to)[^\n]*(\/torch_|shared memory)|insufficient shared memory/i,
    advice:
      "/dev/shm is too small for the ranks' shared buffers: in a container, raise it (docker run --shm-size=16g)",
  },
  {
    kind: "port-taken",
    status: "crashed",
    pattern: /EADDRINUSE|address already in use/i,
    advice: "another program took the rendezvous port: run it again",
  },
  {
    kind: "illegal-memory-access",
    status: "crashed",
    pattern: /an illegal memory access was encountered/i,
    advice:
      "a fused kernel wrote past its workspace, which is sized for the first batch and maxOutTokens: raise maxOutTokens, or set kernelInject: false",
  },
  {
    kind: "kernel-error",
    status: "crashed",
    pattern: /!!!! kernel execution error|cublasLt ran into an error/,
    advice: "a matrix kernel failed; often memory was short, so try a smaller batch first",
  },
  {
    kind: "no-kernel-image",
    status: "crashed",
    pattern: /no kernel image is available/i,
    advice: "the installed build has no code for this GPU: choose a stack whose torch supports it",
  },
  {
    // stowage_worker/tensor_parallel.py
    kind: "wrong-shard",
    status: "crashed",
    pattern: /\bSTW709\b/,
    advice:
      "a file of shards is not that of its rank: run stowage shard on the weights again, it writes the wrong ones anew",
  },
  {
    kind: "not-finite",
    status: "crashed",
    pattern: /probability tensor contains either/,
    advice: "the logits are not finite: use do_sample: false, left padding, or another dtype",
  },
  {
    kind: "disk-full",
    status: "crashed",
    pattern: /No space left on device/i,
    advice: "free some space, or choose another folder with --out-dir",
  },
];

/** The failure that a text names, and the status that follows from it; null when it names none. */
export function failureOf(
  text: string,
): { readonly failure: Failure; readonly status: CellStatus } | null {
  const rule = RULES.find(({ pattern }) => pattern.test(text));
  if (rule === undefined) return null;
  const { kind, status, advice } = rule;
  if (kind === "device-oom" && isFragmented(text)) {
    const expandable = "memory was free but in pieces: set allocator: expandable";
    return { failure: { kind: "fragmentation", advice: expandable }, status };
  }
  return { failure: { kind, advice }, status };
}

/** An exit by SIGKILL that nobody here has sent. */
export const KILLED: { readonly suspected: Failure; readonly certain: Failure } = {
  suspected: {
    kind: "host-oom",
    advice:
      "where nobody sent it, the kernel killed it for want of host memory: see dmesg, and lower what the ranks hold on the host",
  },
  certain: {
    kind: "host-oom",
    advice:
      "the host ran out of memory: use fewer ranks, pinMemory: false, or presharded weights; stowage plan shows what needs it",
  },
};

/** Texts by which launchers tell that a rank was killed. */
export const KILLED_REGEXP =
  /(return code = |exitcode *: )-9\b|Signal 9 \(SIGKILL\)|<Signals\.SIGKILL: 9>/;

const UNITS: Readonly<Record<string, number>> = {
  bytes: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** torch says what it asked for and what it had reserved and not in use: more of that than it asked for, yet in pieces. */
function isFragmented(text: string): boolean {
  const asked = bytesIn(text, /Tried to allocate ([\d.]+) (\w+)/);
  const unused = bytesIn(text, /([\d.]+) (\w+) is reserved by PyTorch but unallocated/) ??
    difference(
      bytesIn(text, /([\d.]+) (\w+) reserved in total by PyTorch/),
      bytesIn(text, /([\d.]+) (\w+) already allocated/),
    );
  return asked !== null && unused !== null && unused > 1.5 * asked;
}

function bytesIn(text: string, pattern: RegExp): number | null {
  const match = pattern.exec(text);
  const unit = UNITS[match?.[2] ?? ""];
  return match === null || unit === undefined ? null : Number(match[1]) * unit;
}

function difference(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : a - b;
}
