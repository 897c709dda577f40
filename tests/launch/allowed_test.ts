import assert from "node:assert/strict";
import { isLaunchVariable, isLaunchWord } from "../../lib/launch/allowed.ts";

Deno.test("the words of Stowage's own launch lines are allowed", () => {
  const line =
    "-m deepspeed.launcher.runner --include localhost:{devices} --num_gpus 2 --master_port {port} " +
    "{workers}/ds_zero_worker.py {session}/request.json";
  for (const word of line.split(" ")) assert.ok(isLaunchWord(word), word);
});

Deno.test("programs, paths and code are not", () => {
  for (
    const word of [
      "",
      "-c",
      "import os",
      "/tmp/evil.py",
      "{workers}/../evil.py",
      "{workers}/evil.py",
      "{workers}/a_worker.py\n",
      "{session}/../request.json",
      "--module=evil",
      "$(touch owned)",
      "--no_python",
      "http.server",
    ]
  ) {
    assert.ok(!isLaunchWord(word), word);
  }
});

Deno.test("variables that name a program or a library are not", () => {
  for (
    const name of ["HF_HUB_OFFLINE", "OMP_NUM_THREADS", "MALLOC_ARENA_MAX", "PYTORCH_ALLOC_CONF"]
  ) {
    assert.ok(isLaunchVariable(name), name);
  }
  for (const name of ["LD_PRELOAD", "PATH", "PYTHONPATH", "PYTHONSTARTUP", "X; rm", "CXX", ""]) {
    assert.ok(!isLaunchVariable(name), name);
  }
});
