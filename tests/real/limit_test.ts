/**
 * `--find-limit` with real workers: at most six probes, and trying every batch around it says the same.
 *
 * Two starts of one cell differ by a megabyte and a half (0.8 to 1.5 MB between the most and the least of five starts). With
 * prompts of 128 tokens a sequence takes 9.8 MB, and the budget ends in the middle of one: what is asked for is then the same
 * in every start, and the two searches have to agree to the sequence.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Plan } from "../../lib/plan/plan.ts";
import type { FoundLimit } from "../../lib/run/find_limits.ts";
import type { Results } from "../../lib/run/results.ts";
import { stowage } from "./environment.ts";

const PIPELINE = fileURLToPath(new URL("../../pipelines/tiny.yaml", import.meta.url));
/** 341 MB of everything else, and 25.5 sequences. */
const BUDGET = "564MiB";
/** Each of them is tried, in a process of its own as the probes are. */
const BATCHES = [23, 24, 25, 26, 27];

function pipeline(batches: readonly number[]): string {
  return Deno.readTextFileSync(PIPELINE)
    .replace(/^ {2}- \{ use: ds-.*\n/gm, "")
    .replace("prompts: { tokens: 8 }", "prompts: { tokens: 128 }")
    .replace("device: 600MiB", `device: ${BUDGET}`)
    .replace(/batchSize: \[.*\]/, `batchSize: [${batches.join(", ")}]`);
}

/** The largest batch that runs, and everything behind it does not. */
async function tryEach(folder: string): Promise<number> {
  Deno.writeTextFileSync(join(folder, "each.yaml"), pipeline(BATCHES));
  const planned = await stowage(["plan", "each.yaml", "--out", "each.json"], folder);
  assert.equal(planned.code, 0, planned.stderr);
  const plan: Plan = JSON.parse(Deno.readTextFileSync(join(folder, "each.json")));
  const sessions = plan.sessions.flatMap((session) =>
    session.cellIds.map((id, index) => ({ ...session, id: `alone-${index}`, cellIds: [id] }))
  );
  Deno.writeTextFileSync(join(folder, "each.json"), JSON.stringify({ ...plan, sessions }));
  const { stdout, stderr } = await stowage(["run", "each.json", "--format", "json"], folder);
  assert.notEqual(stdout, "", stderr);
  const { cells }: Results = JSON.parse(stdout);
  const statuses = cells.map(({ status }) => status);
  const ran = statuses.indexOf("oom");
  assert.deepEqual(statuses, BATCHES.map((_, index) => index < ran ? "ok" : "oom"));
  return BATCHES[ran - 1] ?? 0;
}

Deno.test("the largest batch that is found is the largest that runs, to the sequence", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "stowage-limit-" });
  try {
    Deno.writeTextFileSync(join(folder, "tiny.yaml"), pipeline([8, 16]));
    const args = ["run", "tiny.yaml", "--find-limit", "--format", "json"];
    const { code, stdout, stderr } = await stowage(args, folder);
    assert.equal(code, 0, stderr);
    const [limit]: FoundLimit[] = JSON.parse(stdout);
    assert.ok(limit !== undefined);
    assert.ok(limit.isExact && limit.probes.length <= 6, stdout);
    assert.equal(limit.failedBatch, limit.batchSize + 1);
    assert.equal(limit.batchSize, await tryEach(folder));
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
