/** `--find-limit` with real workers: at most six probes, and trying the batches around it says the same. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { FoundLimit } from "../../lib/run/find_limits.ts";
import { stowage } from "./environment.ts";

const PIPELINE = fileURLToPath(new URL("../../pipelines/tiny.yaml", import.meta.url));

Deno.test("the largest batch that is found is the largest that runs", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "stowage-limit-" });
  try {
    const text = Deno.readTextFileSync(PIPELINE).replace(/^ {2}- \{ use: ds-.*\n/gm, "");
    Deno.writeTextFileSync(join(folder, "tiny.yaml"), text);
    const args = ["run", "tiny.yaml", "--find-limit", "--format", "json"];
    const { code, stdout, stderr } = await stowage(args, folder);
    assert.equal(code, 0, stderr);
    const [limit]: FoundLimit[] = JSON.parse(stdout);
    assert.ok(limit !== undefined);
    assert.ok(limit.isExact && limit.probes.length <= 6, stdout);

    // Processes differ by a megabyte or two from start to start, which is a sequence or two of this model.
    const [fits, fails] = [limit.batchSize - 5, limit.batchSize + 6];
    for (
      const [batch, status] of [[fits, "ok"], [fails, "oom"]] as const
    ) {
      const one = text.replace(/batchSize: \[.*\]/, `batchSize: [${batch}]`);
      Deno.writeTextFileSync(join(folder, "one.yaml"), one);
      const ran = await stowage(["run", "one.yaml", "--format", "json"], folder);
      assert.equal(JSON.parse(ran.stdout).cells[0].status, status, `batch ${batch}`);
    }
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
