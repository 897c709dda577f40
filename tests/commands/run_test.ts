import assert from "node:assert/strict";
import { projectFolder, runCli } from "./child.ts";

/** A run may look for GPUs, and start nothing else. */
const LOOK = ["--allow-read", "--allow-env", "--allow-sys", "--allow-run=nvidia-smi"];

async function runWithoutGpus(name: string, ...more: readonly string[]) {
  const folder = Deno.makeTempDirSync({ prefix: "stowage-run-" });
  try {
    const said = await runCli(["run", `${projectFolder}pipelines/${name}`, ...more], {
      cwd: folder,
      flags: LOOK,
      env: { CUDA_VISIBLE_DEVICES: "" },
    });
    return { ...said, left: Array.from(Deno.readDirSync(folder), (entry) => entry.name) };
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("bloom.yaml on a host without GPUs: the plan, what is missing, what to do, exit 2", async () => {
  const { exitCode, stdout, stderr, left } = await runWithoutGpus("bloom.yaml");
  assert.equal(exitCode, 2, stderr);
  assert.match(stdout, /^Plan of bloom /);
  assert.match(stdout, /ds-zero\/batchSize=128 +oom/);
  assert.match(stderr, /error\[STW501\]: Stack "2022-07".*\n.*= help: /);
  assert.match(stderr, /error\[STW502\]: .*8x A100-SXM4-80GB.*no NVIDIA GPU\n.*= help: /);
  assert.deepEqual(left, []);
});

Deno.test("bloom-7b1-one-gpu.yaml on a host without GPUs lacks the GPU alone", async () => {
  const { exitCode, stderr, left } = await runWithoutGpus("bloom-7b1-one-gpu.yaml", "-q");
  assert.equal(exitCode, 2);
  assert.deepEqual(stderr.match(/STW\d+/g), ["STW502"]);
  assert.deepEqual(left, []);
});

Deno.test("programs get no plan on stdout when there are no results", async () => {
  const { exitCode, stdout, stderr } = await runWithoutGpus(
    "bloom-7b1-one-gpu.yaml",
    "--format",
    "json",
  );
  assert.deepEqual({ exitCode, stdout }, { exitCode: 2, stdout: "" });
  assert.match(stderr, /^Plan of bloom-7b1-one-gpu /);
});
