/** ZeRO-Inference on two gloo ranks under a limit: an out-of-memory in the middle of a pass costs no second loading. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readPipeline } from "../../lib/commands/input.ts";
import { makePlan } from "../../lib/commands/make_plan.ts";
import type { Plan } from "../../lib/plan/plan.ts";
import { run } from "../../lib/run/run.ts";

const PIPELINE = fileURLToPath(new URL("../../pipelines/tiny.yaml", import.meta.url));

/** ds-zero of pipelines/tiny.yaml over these batches, in this order in one session. */
async function planOf(
  folder: string,
  batches: readonly number[],
  gather: "module" | "layer",
): Promise<Plan> {
  const text = Deno.readTextFileSync(PIPELINE)
    .replace(/^ {2}- \{ use: (accelerate|ds-inference).*\n/gm, "")
    .replace(/use: ds-zero\b/, `use: ds-zero, gather: ${gather}`)
    .replace(/batchSize: \[.*\]/, `batchSize: [${batches.join(", ")}]`);
  Deno.writeTextFileSync(join(folder, "zero.yaml"), text);
  const { plan } = await makePlan(readPipeline(join(folder, "zero.yaml")));
  assert.ok(plan !== undefined);
  const cellIds = batches.map((batch) => `ds-zero/batchSize=${batch}`);
  return { ...plan, sessions: plan.sessions.map((session) => ({ ...session, cellIds })) };
}

/** What a process gives in which nothing has failed; however it gathers, the tokens are the same. */
let freshTokens: Promise<ReadonlyMap<number, string>> | undefined;

async function runFresh(): Promise<ReadonlyMap<number, string>> {
  const folder = Deno.makeTempDirSync({ prefix: "stowage-zero-fresh-" });
  try {
    const plan = await planOf(folder, [1, 8, 64], "module");
    const { value } = await run(plan, { outDir: join(folder, "runs") });
    const cells = value?.cells ?? [];
    assert.deepEqual(cells.map(({ status }) => status), ["ok", "ok", "ok"]);
    return new Map(
      cells.map(({ batchSize, measurement }) => [batchSize, measurement?.tokensSha256 ?? ""]),
    );
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

for (const gather of ["module", "layer"] as const) {
  Deno.test(`gather: ${gather}: the same processes go on after an out-of-memory, with the tokens of a fresh one`, async () => {
    const folder = Deno.makeTempDirSync({ prefix: "stowage-zero-" });
    try {
      // The first pass of a process, and one with a complete trace of the modules, each in the middle of which memory ends.
      const plan = await planOf(folder, [600, 8, 512, 1, 64], gather);
      const { value, diagnostics } = await run(plan, { outDir: join(folder, "runs") });
      assert.deepEqual(diagnostics, []);
      const found = Object.fromEntries(value?.cells.map((cell) => [cell.batchSize, cell]) ?? []);
      assert.deepEqual(
        [600, 8, 512, 1, 64].map((batch) => found[batch]?.status),
        ["oom", "ok", "oom", "ok", "ok"],
      );
      const session = join(value?.run.folder ?? "", "sessions", "ds-zero");
      const attempts = [...Deno.readDirSync(session)].map(({ name }) => name);
      assert.deepEqual(attempts, ["attempt-1"]);

      for (const [batchSize, tokens] of await (freshTokens ??= runFresh())) {
        assert.match(tokens, /^[0-9a-f]{64}$/);
        assert.equal(found[batchSize]?.measurement?.tokensSha256, tokens);
      }
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  });
}
