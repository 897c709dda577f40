/** Planning in a process of its own gives what planning here does. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { readPipeline } from "../../lib/commands/input.ts";
import { makePlan } from "../../lib/commands/make_plan.ts";
import { planApart } from "../../lib/commands/plan_apart.ts";
import { renderPlan } from "../../lib/report/render.ts";
import { temporaryFolder } from "../temporary.ts";

function pipeline(changes: Readonly<Record<string, unknown>> = {}): string {
  const file = join(temporaryFolder(), "p.json");
  const model = {
    config: { model_type: "bloom", hidden_size: 64, n_layer: 2, n_head: 4, vocab_size: 256 },
  };
  Deno.writeTextFileSync(
    file,
    JSON.stringify({
      name: "apart",
      model: { ...model, name: "small", weights: "on-device" },
      hardware: "2x cpu",
      strategies: ["accelerate"],
      grid: { batchSize: [1, 2], promptTokens: [4, 5] },
      ...changes,
    }),
  );
  return file;
}

Deno.test("a plan that was made apart is the plan, with its text", async () => {
  const file = pipeline();
  const { plan } = await makePlan(readPipeline(file));
  assert.ok(plan !== undefined);
  const apart = await planApart({ file, format: "table" });
  assert.deepEqual(JSON.parse(JSON.stringify(apart.plan)), JSON.parse(JSON.stringify(plan)));
  assert.equal(apart.text, renderPlan(plan, "table"));
  assert.equal((await planApart({ file, format: null })).text, undefined);
});

Deno.test("mistakes come back with their places, and no plan", async () => {
  const file = pipeline({ hardware: "2x A9000" });
  const { plan, diagnostics } = await planApart({ file, format: "table" });
  assert.equal(plan, undefined);
  assert.deepEqual(diagnostics, (await makePlan(readPipeline(file))).diagnostics);
});

Deno.test("a grid of more cells than asked for is counted, not expanded", () => {
  const file = pipeline();
  assert.deepEqual(
    [3, 4].map((most) => {
      const { parsed } = readPipeline(file, most);
      return [parsed?.hasMore, parsed?.cells.length];
    }),
    [[true, 0], [false, 4]],
  );
});
