import assert from "node:assert/strict";
import { deepspeedArgv, workerEnv } from "../../lib/strategy/launch_env.ts";
import { CPU, strategyContext } from "./contexts.ts";

Deno.test("workers ask no hub and share the cores", () => {
  assert.deepEqual(workerEnv(strategyContext()), {
    HF_HUB_OFFLINE: "1",
    OMP_NUM_THREADS: "{threads}",
    TOKENIZERS_PARALLELISM: "false",
  });
});

Deno.test("on cpu devices DeepSpeed is told that there is no GPU", () => {
  assert.equal(workerEnv(strategyContext({ device: CPU }))["DS_ACCELERATOR"], "cpu");
});

Deno.test("the DeepSpeed launcher starts one process per rank", () => {
  assert.deepEqual(deepspeedArgv(8, "ds_zero_worker.py"), [
    "{python}",
    "-m",
    "deepspeed.launcher.runner",
    "--num_gpus",
    "8",
    "--master_port",
    "{port}",
    "{workers}/ds_zero_worker.py",
    "{session}/request.json",
  ]);
});
