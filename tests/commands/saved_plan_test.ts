import assert from "node:assert/strict";
import { looksLikePlan, readSavedPlan } from "../../lib/commands/saved_plan.ts";
import { DiagnosticError } from "../../lib/diagnostics/diagnostic.ts";
import type { Plan } from "../../lib/plan/plan.ts";
import { safetensorsFile } from "../catalog/safetensors_file.ts";
import { say } from "./fake_terminal.ts";

const CONFIG = { model_type: "bloom", hidden_size: 64, n_layer: 2, n_head: 4, vocab_size: 256 };
const PIPELINE = `name: saved
model: { config: ./model/config.json }
hardware: 2x cpu
prompts: { file: ./prompts.txt, tokens: 4 }
strategies: [{ use: ds-zero, dtype: float32 }]
grid: { batchSize: [1, 2] }
`;

/** A folder with a pipeline, a model, prompts and the plan of all that. */
async function withSavedPlan(work: (folder: string, plan: string) => unknown): Promise<void> {
  const folder = Deno.makeTempDirSync({ prefix: "stowage-saved-" });
  try {
    Deno.mkdirSync(`${folder}/model`);
    Deno.writeTextFileSync(`${folder}/model/config.json`, JSON.stringify(CONFIG));
    Deno.writeTextFileSync(`${folder}/prompts.txt`, "one\ntwo\n");
    Deno.writeTextFileSync(`${folder}/p.yaml`, PIPELINE);
    const plan = `${folder}/plan.json`;
    const { exitCode, stderr } = await say("plan", `${folder}/p.yaml`, "--out", plan);
    assert.equal(exitCode, 0, stderr);
    await work(folder, plan);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** Why a plan is refused: codes and messages. */
async function refusal(path: string): Promise<readonly string[]> {
  try {
    await readSavedPlan(path);
    return [];
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    return error.diagnostics.map(({ code, message }) => `${code} ${message}`);
  }
}

function rewrite(path: string, change: (plan: Record<string, unknown> & Plan) => void): void {
  const plan = JSON.parse(Deno.readTextFileSync(path));
  change(plan);
  Deno.writeTextFileSync(path, JSON.stringify(plan));
}

Deno.test("a saved plan is read back as it was made", async () => {
  await withSavedPlan(async (folder, path) => {
    const { stdout } = await say("plan", `${folder}/p.yaml`, "--format", "json");
    assert.deepEqual(
      JSON.parse(JSON.stringify((await readSavedPlan(path)).plan)),
      JSON.parse(stdout),
    );
    assert.ok(looksLikePlan(path));
    assert.ok(!looksLikePlan(`${folder}/p.yaml`));
    assert.ok(!looksLikePlan(`${folder}/model/config.json`));
  });
});

Deno.test("a plan is refused with every input that has changed", async () => {
  await withSavedPlan(async (folder, path) => {
    Deno.writeTextFileSync(`${folder}/p.yaml`, `${PIPELINE}# a comment\n`);
    Deno.writeTextFileSync(
      `${folder}/model/config.json`,
      JSON.stringify({ ...CONFIG, n_layer: 3 }),
    );
    Deno.removeSync(`${folder}/prompts.txt`);
    const found = await refusal(path);
    assert.equal(found.length, 3, found.join("\n"));
    for (
      const [name, what] of [["p.yaml", "has changed"], ["config.json", "has changed"], [
        "prompts.txt",
        "has been removed",
      ]]
    ) {
      assert.ok(
        found.some((text) => text.startsWith("STW330") && text.includes(`${name}" ${what}`)),
        `${name}: ${found}`,
      );
    }
  });
});

Deno.test("a plan is refused when the weights have another size or header", async () => {
  const tensor = { name: "word_embeddings.weight", dtype: "F32", shape: [256, 64], bytes: 65536 };
  const other = { ...tensor, name: "word_embeddings.bias__" };
  for (
    const [written, what] of [
      [safetensorsFile([tensor, { ...other, shape: [1], bytes: 4 }]), "has another size"],
      [safetensorsFile([other]), "has changed"],
    ] as const
  ) {
    await withSavedPlan(async (folder, path) => {
      const weights = `${folder}/model/model.safetensors`;
      Deno.writeFileSync(weights, safetensorsFile([tensor]));
      Deno.writeTextFileSync(
        `${folder}/p.yaml`,
        PIPELINE.replace("{ config: ./model/config.json }", "./model"),
      );
      assert.equal((await say("plan", `${folder}/p.yaml`, "--out", path)).exitCode, 0);
      assert.deepEqual(await refusal(path), []);
      Deno.writeFileSync(weights, written);
      assert.deepEqual(await refusal(path), [
        `STW330 Plan input "${weights}" ${what} since the plan was made`,
      ]);
    });
  }
});

Deno.test("a plan can be carried away from its pipeline, with a warning", async () => {
  await withSavedPlan(async (folder, path) => {
    Deno.removeSync(`${folder}/p.yaml`);
    const { diagnostics } = await readSavedPlan(path);
    assert.deepEqual(diagnostics.map(({ code, severity }) => [code, severity]), [
      ["STW333", "warning"],
    ]);
  });
});

Deno.test("a plan is refused when the workers have changed", async () => {
  await withSavedPlan(async (_folder, path) => {
    rewrite(path, (plan) => Object.assign(plan.tool, { workersSha256: "0".repeat(64) }));
    assert.deepEqual(await refusal(path), [
      'STW330 Plan input "lib/workers" has changed since the plan was made',
    ]);
  });
});

Deno.test("a plan is refused when the catalog means other versions by the name of its stack", async () => {
  await withSavedPlan(async (_folder, path) => {
    rewrite(path, (plan) => Object.assign(plan.stack.versions, { torch: "2.12.0" }));
    assert.match(
      (await refusal(path)).join("\n"),
      /STW330 Plan input "stack current" has other versions/,
    );
  });
});

Deno.test("a plan whose launch lines were tampered with is no plan", async () => {
  const tampered: readonly ((plan: Plan) => void)[] = [
    (plan) => Object.assign(plan.sessions[0]?.launch ?? {}, { argv: ["rm", "-rf", "/"] }),
    (plan) => Object.assign(plan.sessions[0]?.launch ?? {}, { argv: ["{python}", "/tmp/evil.py"] }),
    (plan) => Object.assign(plan.sessions[0]?.launch.env ?? {}, { "X; rm": "1" }),
    (plan) => Object.assign(plan.sessions[0]?.launch.env ?? {}, { LD_PRELOAD: "/tmp/evil.so" }),
    (plan) => Object.assign(plan.sessions[0]?.launch.files ?? {}, { "../../x": "1" }),
    (plan) => Object.assign(plan.pipeline, { name: "../../outside" }),
    (plan) => Object.assign(plan.sessions[0] ?? {}, { id: "../outside" }),
    (plan) => Object.assign(plan, { cells: "none" }),
    (plan) => Object.assign(plan, { formatVersion: "2.0" }),
  ];
  for (const [index, change] of tampered.entries()) {
    await withSavedPlan(async (_folder, path) => {
      rewrite(path, change);
      assert.match((await refusal(path)).join("\n"), /^STW331 /, `tampering ${index}`);
    });
  }
});

Deno.test("run says why it refuses, and exits 2 before anything happens", async () => {
  await withSavedPlan(async (folder, path) => {
    Deno.writeTextFileSync(`${folder}/p.yaml`, PIPELINE.replace("[1, 2]", "[1]"));
    const { exitCode, stdout, stderr } = await say("run", path);
    assert.deepEqual({ exitCode, stdout }, { exitCode: 2, stdout: "" });
    assert.match(
      stderr,
      /^error\[STW330\]: Plan input ".*p\.yaml" has changed.*\n.*stowage plan FILE/,
    );
  });
});

Deno.test("a saved plan starts no command of its own unless that is allowed", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "stowage-saved-" });
  try {
    const text = PIPELINE.replace("{ config: ./model/config.json }", "bigscience/bloom-560m")
      .replace("prompts: { file: ./prompts.txt, tokens: 4 }\n", "")
      .replace("{ use: ds-zero, dtype: float32 }", "{ use: script, command: [rm, -rf, target] }")
      .replace("2x cpu", "1x A100-SXM4-80GB");
    Deno.writeTextFileSync(`${folder}/p.yaml`, text);
    const plan = `${folder}/plan.json`;
    assert.equal((await say("plan", `${folder}/p.yaml`, "--out", plan)).exitCode, 0);
    const refused = await say("run", plan);
    assert.equal(refused.exitCode, 2);
    assert.match(refused.stderr, /^error\[STW334\]: .*"rm -rf target"/);
    const allowed = await say("run", plan, "--allow-commands", "--out-dir", folder);
    assert.match(allowed.stderr, /error\[STW502\]/); // no such GPU here
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
