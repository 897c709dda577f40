/** The public API as its documentation uses it. */
import assert from "node:assert/strict";
import * as stowage from "../mod.ts";

const SOURCE = Deno.readTextFileSync(new URL("../mod.ts", import.meta.url));

const PIPELINE = `
model: bigscience/bloom-560m
hardware: 1x V100-SXM2-32GB
strategies: [accelerate]
grid: { batchSize: [1, 100000] }
`;

/** The code of the examples in the documentation of `mod.ts`. */
function examples(): readonly string[] {
  return Array.from(
    SOURCE.matchAll(/ \* ```ts\n([\s\S]*?) \* ```/g),
    ([, code = ""]) => code.replaceAll(/^ \* ?/gm, ""),
  );
}

Deno.test("the example of the documentation runs and finds what does not fit", async () => {
  const [example, ...more] = examples();
  assert.equal(more.length, 0);
  const entry = new URL("../mod.ts", import.meta.url).href;
  const file = Deno.makeTempFileSync({ suffix: ".ts" });
  try {
    Deno.writeTextFileSync(
      file,
      (example ?? "").replace('"@stowage/stowage"', JSON.stringify(entry)),
    );
    const config = new URL("../deno.json", import.meta.url).pathname;
    const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--quiet",
        "--check",
        "--no-prompt",
        "--allow-read",
        "--ignore-env",
        "--config",
        config,
        file,
      ],
      env: { NO_COLOR: "1" },
    }).output();
    const decoder = new TextDecoder();
    assert.ok(success, decoder.decode(stderr));
    assert.match(decoder.decode(stdout), /ds-zero\/batchSize=128 \[/);
  } finally {
    Deno.removeSync(file);
  }
});

Deno.test("parse() is pure and names the pipeline", () => {
  const { value, diagnostics } = stowage.parse(PIPELINE, { path: "mine.yaml" });
  assert.deepEqual(diagnostics, []);
  assert.equal(value?.pipeline.name, "mine");
  assert.deepEqual(value?.cells.map(({ id }) => id), [
    "accelerate/batchSize=1",
    "accelerate/batchSize=100000",
  ]);
});

Deno.test("check() takes a path, a URL or a text, and returns mistakes", () => {
  const url = new URL("../pipelines/tiny.yaml", import.meta.url);
  assert.deepEqual(stowage.check(url), []);
  assert.deepEqual(stowage.check(url.pathname), []);
  const text = PIPELINE.replace("model", "modle");
  const diagnostics = stowage.check({ text });
  assert.deepEqual(diagnostics.map(({ code }) => code), ["STW120"]);
  assert.match(stowage.renderDiagnostics(diagnostics, { text }), /\n2 \| modle: bigscience/);
  assert.deepEqual(stowage.check("nowhere.yaml").map(({ code }) => code), ["STW115"]);
});

Deno.test("plan() predicts, and renderPlan() prints", async () => {
  const { value, diagnostics } = await stowage.plan({ text: PIPELINE });
  assert.ok(value !== undefined, JSON.stringify(diagnostics));
  assert.deepEqual(value.cells.map(({ prediction }) => prediction.verdict), ["fits", "oom"]);
  for (const format of stowage.OUTPUT_FORMATS) {
    assert.notEqual(stowage.renderPlan(value, format), "", format);
  }
});

Deno.test("plan() returns what the catalog lacks as a diagnostic with its place", async () => {
  const { value, diagnostics } = await stowage.plan({ text: PIPELINE.replace("-560m", "-56") });
  assert.equal(value, undefined);
  assert.deepEqual(diagnostics.map(({ code, path }) => [code, path]), [["STW201", ["model"]]]);
  assert.ok(diagnostics[0]?.span !== undefined);
});

Deno.test("run() launches nothing where the hardware is missing, and says so", async () => {
  const hidden = Deno.env.get("CUDA_VISIBLE_DEVICES");
  Deno.env.set("CUDA_VISIBLE_DEVICES", "");
  try {
    const { value: plan } = await stowage.plan({ text: PIPELINE });
    assert.ok(plan !== undefined);
    const { value, diagnostics } = await stowage.run(plan, { outDir: "/nowhere" });
    assert.equal(value, undefined);
    assert.deepEqual(diagnostics.map(({ code }) => code), ["STW502"]);
  } finally {
    if (hidden === undefined) Deno.env.delete("CUDA_VISIBLE_DEVICES");
    else Deno.env.set("CUDA_VISIBLE_DEVICES", hidden);
  }
});

Deno.test("everything that is public is documented", async () => {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--lint", "--quiet", new URL("../mod.ts", import.meta.url).pathname],
    env: { NO_COLOR: "1" },
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
});
