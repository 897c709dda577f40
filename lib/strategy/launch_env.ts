/** Environment and launcher that the strategies share. */
import type { StrategyBase } from "../language/pipeline.ts";
import type { StrategyContext } from "./strategy.ts";

/** What every worker process needs to see. */
export function workerEnv(context: StrategyContext): Record<string, string> {
  return {
    HF_HUB_OFFLINE: "1", // weights are made here or named by path: a hub look-up could only hang
    TOKENIZERS_PARALLELISM: "false",
    ...(context.hardware.device.type === "cpu" ? CPU_ENV : GPU_ENV),
  };
}

/**
 * For a process that would otherwise see every GPU of the host: those of its session, by the numbers of nvidia-smi. The
 * DeepSpeed launcher does this for its ranks.
 */
export function ownGpus(context: StrategyContext): Record<string, string> {
  if (context.hardware.device.type === "cpu") return {};
  return { CUDA_DEVICE_ORDER: "PCI_BUS_ID", CUDA_VISIBLE_DEVICES: "{devices}" };
}

/** How PyTorch's caching allocator is told to use expandable segments; newer releases read the second name. */
export function allocatorEnv(
  spec: StrategyBase,
  context: StrategyContext,
): Record<string, string> {
  if (spec.allocator !== "expandable" || context.hardware.device.type === "cpu") return {};
  const setting = "expandable_segments:True";
  return { PYTORCH_CUDA_ALLOC_CONF: setting, PYTORCH_ALLOC_CONF: setting };
}

/** Ranks that share the cores would otherwise each take them all. */
const GPU_ENV = { OMP_NUM_THREADS: "{threads}" } as const;

/**
 * On a cpu device the memory of the process is what is measured and capped, so it must follow the live tensors:
 * with these settings of mallopt(3) each tensor of 128 KiB or more is a mapping of its own, given back when it is freed. A
 * device computes with one thread, because each further thread takes about 40 MB and a plan cannot know the cores of
 * the host that will run it.
 */
const CPU_ENV = {
  DS_ACCELERATOR: "cpu",
  MALLOC_ARENA_MAX: "2",
  MALLOC_MMAP_THRESHOLD_: "131072",
  MALLOC_TRIM_THRESHOLD_: "131072",
  OMP_NUM_THREADS: "1",
} as const;

/** The DeepSpeed launcher, called as a module because a console script keeps the path of its first home. */
export function deepspeedArgv(
  context: StrategyContext,
  ranks: number,
  worker: string,
): string[] {
  // Given --num_gpus, the launcher takes GPUs 0 to N-1 whatever CUDA_VISIBLE_DEVICES says.
  const devices = context.hardware.device.type === "cpu"
    ? ["--num_gpus", String(ranks)]
    : ["--include", "localhost:{devices}"];
  return [
    "{python}",
    "-m",
    "deepspeed.launcher.runner",
    ...devices,
    "--master_port",
    "{port}",
    `{workers}/${worker}`,
    "{session}/request.json",
  ];
}
