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

Deno.test("on cpu devices DeepSpeed is told that there is no GPU, and freed memory goes back at once", () => {
  const env = workerEnv(strategyContext({ device: CPU }));
  assert.equal(env["DS_ACCELERATOR"], "cpu");
  assert.equal(env["MALLOC_MMAP_THRESHOLD_"], "131072");
  assert.equal(env["MALLOC_TRIM_THRESHOLD_"], "131072");
});

Deno.test("the DeepSpeed launcher takes the GPUs that are named when it is started", () => {
  assert.deepEqual(deepspeedArgv(strategyContext(), 8, "ds_zero_worker.py"), [
    "{python}",
    "-m",
    "deepspeed.launcher.runner",
    "--include",
    "localhost:{devices}",
    "--master_port",
    "{port}",
    "{workers}/ds_zero_worker.py",
    "{session}/request.json",
  ]);
});

Deno.test("on cpu devices the DeepSpeed launcher is given a number of processes", () => {
  const argv = deepspeedArgv(strategyContext({ device: CPU }), 2, "ds_zero_worker.py");
  assert.deepEqual(argv.slice(3, 5), ["--num_gpus", "2"]);
});
