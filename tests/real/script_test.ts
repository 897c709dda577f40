/** A script of somebody's own with transformers, beside accelerate: the same figures, and a real out-of-memory. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Results } from "../../lib/run/results.ts";
import { stowage } from "./environment.ts";

const FOLDER = fileURLToPath(new URL("../../pipelines/scripts", import.meta.url));

Deno.test("pipelines/scripts/tiny.yaml runs a script beside accelerate, again only when it has changed", async (t) => {
  const folder = Deno.makeTempDirSync({ prefix: "stowage-script-" });
  try {
    for (const name of ["tiny.yaml", "generate.py"]) {
      Deno.copyFileSync(join(FOLDER, name), join(folder, name));
    }
    const { code, stdout, stderr } = await stowage(
      ["run", "tiny.yaml", "--format", "json"],
      folder,
    );
    assert.equal(code, 0, stderr);
    const { cells }: Results = JSON.parse(stdout);
    const cellOf = (id: string) => cells.find((cell) => cell.id === id);

    await t.step("every cell ends as its stand-in predicts", () => {
      assert.deepEqual(cells.map(({ status }) => status), ["ok", "ok", "oom", "ok", "ok", "oom"]);
      assert.match(cellOf("generate.py/batchSize=512")?.message ?? "", /can't allocate memory/);
    });
    await t.step("peaks from outside are near those from inside", () => {
      for (const batch of [1, 64]) {
        const [inside = 0, outside = 0] = ["accelerate", "generate.py"].map((name) =>
          cellOf(`${name}/batchSize=${batch}`)?.measurement?.devices[0]?.peakBytes ?? 0
        );
        assert.ok(outside > 0.85 * inside && outside < 1.1 * inside, `${outside} and ${inside}`);
      }
    });
    await t.step("the block is converted to a measurement", () => {
      const { measurement } = cellOf("generate.py/batchSize=64") ?? {};
      assert.equal(measurement?.stated?.passes, 3);
      assert.equal(measurement?.time?.msPerToken, measurement?.stated?.msPerToken);
      assert.ok((measurement?.time?.loadSeconds ?? 0) > 0.5);
    });
    await t.step("the same again takes everything over; a changed script runs anew", async () => {
      const again = await stowage(["run", "tiny.yaml", "--format", "json"], folder);
      assert.match(again.stderr, /cells: 0 to run, 6 reused/);
      const script = join(folder, "generate.py");
      Deno.writeTextFileSync(script, `${Deno.readTextFileSync(script)}# changed\n`);
      const plan = await stowage(["plan", "tiny.yaml", "--format", "json"], folder);
      const keys = (JSON.parse(plan.stdout) as Results).cells.map(({ key }) => key);
      assert.deepEqual(
        cells.map(({ key }, index) => key === keys[index]),
        [true, true, true, false, false, false],
      );
    });
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
