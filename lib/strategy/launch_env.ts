/** Environment and launcher that the strategies share. */
import type { StrategyContext } from "./strategy.ts";

/** What every worker process needs to see. */
export function workerEnv(context: StrategyContext): Record<string, string> {
  return {
    HF_HUB_OFFLINE: "1", // weights are made here or named by path: a hub look-up could only hang
    OMP_NUM_THREADS: "{threads}", // ranks that share cores would otherwise each take them all
    TOKENIZERS_PARALLELISM: "false",
    ...(context.hardware.device.type === "cpu" ? { DS_ACCELERATOR: "cpu" } : {}),
  };
}

/** The DeepSpeed launcher, called as a module because a console script keeps the path of its first home. */
export function deepspeedArgv(ranks: number, worker: string): string[] {
  return [
    "{python}",
    "-m",
    "deepspeed.launcher.runner",
    "--num_gpus",
    String(ranks),
    "--master_port",
    "{port}",
    `{workers}/${worker}`,
    "{session}/request.json",
  ];
}
