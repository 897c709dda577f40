/** The main job of the README, with real workers: pipelines/tiny.yaml from the file to the tables. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Results } from "../../lib/run/results.ts";
import { stowage } from "./environment.ts";

const PIPELINE = new URL("../../pipelines/tiny.yaml", import.meta.url).pathname;

Deno.test("tiny.yaml runs three strategies and proves its out-of-memory", async (t) => {
  const folder = Deno.makeTempDirSync({ prefix: "stowage-tiny-" });
  try {
    const { code, stdout, stderr } = await stowage([PIPELINE], folder);
    assert.equal(code, 0, stderr);
    const [run] = [...Deno.readDirSync(join(folder, "runs"))];
    assert.ok(run !== undefined);
    const path = join(folder, "runs", run.name);
    const results: Results = JSON.parse(Deno.readTextFileSync(join(path, "results.json")));
    const { cells } = results;

    await t.step("every cell ends as predicted", () => {
      assert.equal(cells.length, 12);
      for (const { id, status, prediction, message } of cells) {
        const expected = prediction.oomProbability > 0.5 ? "oom" : "ok";
        assert.equal(status, expected, `${id}: ${message}`);
      }
      assert.deepEqual(
        cells.filter(({ status }) => status === "oom").map(({ id }) => id),
        ["accelerate", "ds-inference", "ds-zero"].map((name) => `${name}/batchSize=512`),
      );
    });
    await t.step("an out-of-memory is the allocator's own", () => {
      for (const { status, message } of cells) {
        if (status === "oom") assert.match(message ?? "", /can't allocate memory/);
      }
    });
    await t.step("the strategies produce the same tokens", () => {
      for (const batch of [1, 8, 64]) {
        const hashes = cells.filter(({ batchSize }) => batchSize === batch)
          .map(({ measurement }) => measurement?.tokensSha256);
        assert.match(hashes[0] ?? "", /^[0-9a-f]{64}$/);
        assert.equal(new Set(hashes).size, 1, `batch ${batch}: ${hashes.join(", ")}`);
      }
    });
    await t.step("memory is near its prediction", () => {
      for (const { id, status, measurement, prediction } of cells) {
        if (status !== "ok") continue;
        const measured = Math.max(...measurement?.devices.map(({ peakBytes }) => peakBytes) ?? []);
        const predicted = Math.max(...prediction.devices.map(({ peakBytes }) => peakBytes.mid));
        const ratio = measured / predicted;
        assert.ok(ratio > 0.9 && ratio < 1.1, `${id}: measured ${ratio} of the prediction`);
      }
    });
    await t.step("no shared memory is left behind", () => {
      const ports = ["ds-inference", "ds-zero"].map((session) => {
        const script = join(path, "sessions", session, "attempt-1", "launch.sh");
        return /'--master_port' '(\d+)'/.exec(Deno.readTextFileSync(script))?.[1];
      });
      const names = [...Deno.readDirSync("/dev/shm")].map(({ name }) => name);
      for (const port of ports) {
        assert.ok(port !== undefined);
        assert.deepEqual(names.filter((name) => name.includes(`_${port}_`)), []);
      }
    });
    await t.step("the tables are on stdout and in the folder", () => {
      for (const title of ["ms per token", "Start to ready", "Peak memory", "all 12 cells agree"]) {
        assert.ok(stdout.includes(title), title);
      }
      for (const name of ["plan.json", "results.csv", "results.md", "NOTES.md"]) {
        assert.ok(Deno.statSync(join(path, name)).size > 0, name);
      }
    });
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
