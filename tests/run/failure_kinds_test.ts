import assert from "node:assert/strict";
import { failureOf, KILLED_REGEXP } from "../../lib/run/failure_kinds.ts";

/** Texts as the libraries print them, and what they mean. */
const TEXTS: readonly (readonly [string, string, string])[] = [
  // torch <= 2.0 (transformers-bloom-inference, issue 84)
  [
    "RuntimeError: CUDA out of memory. Tried to allocate 62.00 MiB (GPU 6; 79.19 GiB total capacity; 67.70 GiB already " +
    "allocated; 61.56 MiB free; 67.77 GiB reserved in total by PyTorch)",
    "device-oom",
    "oom",
  ],
  // torch <= 2.0, most of what is reserved is not in use
  [
    "CUDA out of memory. Tried to allocate 62.00 MiB (GPU 6; 79.19 GiB total capacity; 66.51 GiB already allocated; " +
    "61.56 MiB free; 67.77 GiB reserved in total by PyTorch)",
    "fragmentation",
    "oom",
  ],
  // torch >= 2.1
  [
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 GiB. GPU 3 has a total capacity of 79.10 GiB of " +
    "which 15.40 GiB is free. Of the allocated memory 60.00 GiB is allocated by PyTorch, and 1.20 GiB is reserved by " +
    "PyTorch but unallocated.",
    "device-oom",
    "oom",
  ],
  [
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.10 GiB of " +
    "which 1.40 GiB is free. Of the allocated memory 60.00 GiB is allocated by PyTorch, and 9.20 GiB is reserved by " +
    "PyTorch but unallocated.",
    "fragmentation",
    "oom",
  ],
  ["RuntimeError: CUDA error: out of memory", "device-oom", "oom"],
  ["RuntimeError: Workspace is null.", "workspace-oom", "oom"],
  ["Workspace can't be allocated, no enough memory.", "workspace-oom", "oom"],
  [
    "RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    "library-oom",
    "oom",
  ],
  [
    "ncclUnhandledCudaError: Call to CUDA function failed.\nLast error:\nNCCL WARN Cuda failure 2 'out of memory'",
    "library-oom",
    "oom",
  ],
  [
    "ValueError: We need an `offload_dir` to dispatch this model according to this `device_map`",
    "weights-do-not-fit",
    "oom",
  ],
  [
    "ValueError: The current `device_map` had weights offloaded to the disk. Please provide an `offload_folder`",
    "weights-do-not-fit",
    "oom",
  ],
  // bitsandbytes
  ["Error out of memory at line 380 in file /mmfs1/bitsandbytes/csrc/ops.cu", "device-oom", "oom"],
  [
    "RuntimeError: [enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried " +
    "to allocate 268435456 bytes. Error code 12 (Cannot allocate memory)",
    "device-oom",
    "oom",
  ],
  ["terminate called after throwing an instance of 'std::bad_alloc'", "device-oom", "oom"],
  ["MemoryError", "device-oom", "oom"],
  ["[launch.py:315:sigkill_handler] exits with return code = -7", "shm-full", "host-oom"],
  ["ERROR: Unexpected bus error encountered in worker.", "shm-full", "host-oom"],
  ["RuntimeError: unable to write to file </torch_1234_5>", "shm-full", "host-oom"],
  ["OSError: [Errno 98] Address already in use", "port-taken", "crashed"],
  [
    "RuntimeError: CUDA error: an illegal memory access was encountered",
    "illegal-memory-access",
    "crashed",
  ],
  ["!!!! kernel execution error. (m: 1, n: 4, k: 8, error: 13)", "kernel-error", "crashed"],
  ["cublasLt ran into an error!", "kernel-error", "crashed"],
  [
    "CUDA error: no kernel image is available for execution on the device",
    "no-kernel-image",
    "crashed",
  ],
  [
    "ValueError: STW709: tp-2/rank-0-of-2.safetensors: it was cut for rank 1 of 2, this is rank 0 of 2",
    "wrong-shard",
    "crashed",
  ],
  ["probability tensor contains either `inf`, `nan` or element < 0", "not-finite", "crashed"],
  ["OSError: [Errno 28] No space left on device", "disk-full", "crashed"],
];

for (const [text, kind, status] of TEXTS) {
  Deno.test(`${kind}: ${text.slice(0, 60)}`, () => {
    const found = failureOf(text);
    assert.equal(found?.failure.kind, kind);
    assert.equal(found?.status, status);
    assert.match(found?.failure.advice ?? "", /\w.*[^.]$/);
  });
}

Deno.test("a text that names no failure is none", () => {
  for (
    const text of ["", "ValueError: wrong shape", "loaded 72 shards", "exits with return code = 0"]
  ) {
    assert.equal(failureOf(text), null, text);
  }
});

Deno.test("launchers tell of a kill in their own words", () => {
  const texts = [
    "[launch.py:315:sigkill_handler] ... exits with return code = -9",
    "  exitcode  : -9 (pid: 1234)",
    "  traceback : Signal 9 (SIGKILL) received by PID 1234",
    "subprocess.CalledProcessError: Command died with <Signals.SIGKILL: 9>.",
  ];
  for (const text of texts) assert.match(text, KILLED_REGEXP);
  assert.doesNotMatch("exits with return code = -97", KILLED_REGEXP);
});
