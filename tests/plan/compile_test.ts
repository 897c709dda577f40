import assert from "node:assert/strict";
import type { PlanContext } from "../../lib/plan/context.ts";
import { sha256 } from "../../lib/plan/hash.ts";
import { cellOf, compileText, filesOf, planOf } from "./compile_text.ts";

const SMALL = `
name: small
model: { name: tiny, config: { model_type: bloom, vocab_size: 1000, hidden_size: 64, n_layer: 4, n_head: 4 } }
hardware: 2x cpu
generate: { max_new_tokens: 4 }
prompts: { tokens: 8 }
strategies:
  - { use: accelerate, dtype: float32 }
  - { use: ds-inference, dtype: float32 }
  - { use: ds-zero, dtype: float32 }
grid: { batchSize: [1, 4] }
`;

const ONE = `
name: one
model: bigscience/bloom-560m
hardware: { devices: 2x A100-SXM4-80GB, memory: 512GB }
strategies: [{ use: ds-zero, dtype: float16 }]
grid: { batchSize: [1] }
`;

Deno.test("a plan has every cell, its session, and what it was made from", async () => {
  const plan = await planOf(SMALL);
  assert.equal(plan.formatVersion, "1.0");
  assert.deepEqual(plan.cells.map(({ id }) => id), [
    "accelerate/batchSize=1",
    "accelerate/batchSize=4",
    "ds-inference/batchSize=1",
    "ds-inference/batchSize=4",
    "ds-zero/batchSize=1",
    "ds-zero/batchSize=4",
  ]);
  assert.deepEqual(plan.sessions.map(({ id, worldSize }) => [id, worldSize]), [
    ["accelerate", 1],
    ["ds-inference", 2],
    ["ds-zero", 2],
  ]);
  for (const cell of plan.cells) {
    const session = plan.sessions.find(({ id }) => id === cell.sessionId);
    assert.ok(session?.cellIds.includes(cell.id));
    assert.equal(cell.newTokens, 4);
    assert.equal(cell.promptTokens, 8);
    assert.equal(cell.reason, "new: launched");
  }
  assert.deepEqual(plan.inputs, [{ path: "pipeline.yaml", sha256: sha256(SMALL) }]);
  assert.equal(plan.model.parameters, 1000 * 64 + 4 * (12 * 64 * 64 + 13 * 64) + 4 * 64);
  assert.deepEqual(plan.hardware.devices, { count: 2, kind: "cpu", capacityBytes: null });
});

Deno.test("a plan is plain JSON, and the same text makes the same plan", async () => {
  const plan = await planOf(SMALL);
  assert.deepEqual(JSON.parse(JSON.stringify(plan)), plan);
  assert.deepEqual(await planOf(SMALL), plan);
});

Deno.test("the largest batch is there only when it was searched", async () => {
  const without = await planOf(ONE);
  assert.ok(without.cells.every(({ prediction }) => !("largestBatch" in prediction)));
  const found = cellOf(await planOf(ONE, { findLargestBatch: true }), "ds-zero/batchSize=1");
  assert.ok((found.prediction.largestBatch ?? 0) > 1);
});

Deno.test("files that the prompts and the model come from are inputs", async () => {
  const files = filesOf({ "/base/prompts.txt": "Hello\n" });
  const text = `${SMALL}\n`.replace("{ tokens: 8 }", "{ tokens: 8, file: prompts.txt }");
  const plan = await planOf(text, { files });
  assert.deepEqual(plan.inputs.at(-1), { path: "/base/prompts.txt", sha256: sha256("Hello\n") });
  assert.deepEqual(plan.prompts, { source: "file", texts: ["Hello"] });
});

Deno.test("an interpreter of the command line beats the pipeline's", async () => {
  const text = `${SMALL}environment: { python: /usr/bin/python3 }\n`;
  assert.equal((await planOf(text)).python, "/usr/bin/python3");
  assert.equal((await planOf(text, { python: "/venv/bin/python" })).python, "/venv/bin/python");
  assert.ok(!("python" in await planOf(SMALL)));
});

/** Key of the one cell of a text. */
async function keyOf(text: string, context: Partial<PlanContext> = {}): Promise<string> {
  const [cell] = (await planOf(text, context)).cells;
  assert.ok(cell);
  return cell.key;
}

const DECIDING: Readonly<Record<string, readonly [from: string, to: string]>> = {
  model: ["bloom-560m", "bloom-1b1"],
  "number of devices": ["2x A100", "4x A100"],
  "kind of device": ["A100-SXM4-80GB", "A100-SXM4-40GB"],
  dtype: ["float16", "bfloat16"],
  strategy: ["ds-zero", "ds-inference"],
  "option of a strategy": ["dtype: float16", "dtype: float16, offload: cpu"],
  "batch size": ["[1]", "[2]"],
  "new tokens": ["grid:", "generate: { max_new_tokens: 7 }\ngrid:"],
  "prompt tokens": ["grid:", "prompts: { tokens: 9 }\ngrid:"],
  "source of the prompts": ["grid:", "prompts: { source: builtin }\ngrid:"],
  stack: ["grid:", 'stack: "2022-07"\ngrid:'],
  "number of timed generations": ["grid:", "benchmark: { cycles: 9 }\ngrid:"],
  "number of warm-ups": ["grid:", "benchmark: { warmup: 2 }\ngrid:"],
  seed: ["grid:", "seed: 5\ngrid:"],
  "cap of a device": ["grid:", "budget: { device: 20GB }\ngrid:"],
  "where weights come from": ["bigscience/bloom-560m", "{ name: bloom-560m, weights: on-device }"],
};

for (const [what, [from, to]] of Object.entries(DECIDING)) {
  Deno.test(`the key of a cell changes with the ${what}`, async () => {
    const changed = ONE.replace(from, to);
    assert.notEqual(changed, ONE);
    assert.notEqual(await keyOf(changed), await keyOf(ONE));
  });
}

Deno.test("the key of a cell changes with the source of the workers", async () => {
  assert.notEqual(await keyOf(ONE, { workerSources: "print(2)" }), await keyOf(ONE));
});

const IRRELEVANT: Readonly<Record<string, readonly [from: string, to: string]>> = {
  "name of the pipeline": ["name: one", "name: two"],
  "name of the strategy": ["use: ds-zero", "name: mine, use: ds-zero"],
  comments: ["name: one", "# a comment\nname: one"],
  "other cells": ["[1]", "[1, 8]"],
  "what is done with predicted OOM": ["grid:", "budget: { predictedOom: run }\ngrid:"],
  "disk of the description": ["memory: 512GB", "memory: 512GB, disk: 1GB/s"],
};

for (const [what, [from, to]] of Object.entries(IRRELEVANT)) {
  Deno.test(`the key of a cell does not change with the ${what}`, async () => {
    const changed = ONE.replace(from, to);
    assert.notEqual(changed, ONE);
    assert.equal(await keyOf(changed), await keyOf(ONE));
  });
}

Deno.test("the key of a cell does not change with the version of the tool", async () => {
  assert.equal(await keyOf(ONE, { toolVersion: "9.9.9" }), await keyOf(ONE));
});

Deno.test("cells of a plan have keys of their own", async () => {
  const { cells } = await planOf(SMALL);
  assert.equal(new Set(cells.map(({ key }) => key)).size, cells.length);
});

Deno.test("an option that was written and is impossible is a mistake at its place, told once", async () => {
  const text = ONE.replace("use: ds-zero", "use: ds-inference, tensorParallel: 3")
    .replace("[1]", "[1, 8, 16]");
  const { value, diagnostics } = await compileText(text);
  assert.equal(value, undefined);
  assert.deepEqual(
    diagnostics.filter(({ severity }) => severity === "error").map((
      { code, path },
    ) => [code, path]),
    [
      ["STW304", ["strategies", 0, "tensorParallel"]],
      ["STW303", ["strategies", 0, "tensorParallel"]],
    ],
  );
});

Deno.test("an option that an axis made impossible is an invalid cell with its cause", async () => {
  const text = ONE.replace("ds-zero", "ds-inference")
    .replace("{ batchSize: [1] }", "{ batchSize: [1], tensorParallel: [1, 2, 3] }");
  const plan = await planOf(text);
  assert.deepEqual(plan.cells.map(({ prediction, sessionId }) => [prediction.verdict, sessionId]), [
    ["fits", "ds-inference"],
    ["fits", "ds-inference-2"],
    ["invalid", null],
  ]);
  const invalid = plan.cells.at(-1);
  assert.equal(invalid?.reason, "invalid: not launched");
  assert.deepEqual(invalid?.prediction.causes.length, 2);
  assert.equal(invalid?.prediction.time, null);
});

Deno.test("mistakes of model, hardware and stack are told together", async () => {
  const text = `model: bigscience/blom\nhardware: 8x B9000\nstack: "1999-01"\n` +
    `strategies: [{ use: ds-zero, dtype: float16 }]\n`;
  const { value, diagnostics } = await compileText(text);
  assert.equal(value, undefined);
  assert.deepEqual(diagnostics.map(({ path }) => path?.[0]), ["model", "hardware", "stack"]);
});

Deno.test("a model type without a forward pass is refused at the model", async () => {
  const text = SMALL.replace("model_type: bloom", "model_type: t5");
  const { diagnostics } = await compileText(text);
  assert.deepEqual(diagnostics.map(({ code, path }) => [code, path]), [["STW302", ["model"]]]);
});

Deno.test("a config of quantized weights is refused at the model, not planned as if it were not", async () => {
  for (
    const [written, method] of [
      ["{ quant_method: awq, bits: 4 }", "awq"],
      ["{ load_in_8bit: true }", "an unnamed method"],
    ] as const
  ) {
    const config = `model_type: bloom, quantization_config: ${written}`;
    const { diagnostics } = await compileText(SMALL.replace("model_type: bloom", config));
    assert.deepEqual(diagnostics.map(({ code, path }) => [code, path]), [["STW343", ["model"]]]);
    assert.match(diagnostics[0]?.message ?? "", new RegExp(`"${method}"`));
  }
  const unquantized = "model_type: bloom, quantization_config: null";
  await planOf(SMALL.replace("model_type: bloom", unquantized));
});

Deno.test("BLOOM has eager attention only: sdpa is a mistake where it is written, and invalid as an axis", async () => {
  const strategies = "strategies: [{ use: accelerate, attention: sdpa }]";
  const text = `model: bloom-560m\nhardware: 1x T4\n${strategies}\ngrid: { batchSize: [1] }\n`;
  const { diagnostics } = await compileText(text);
  assert.deepEqual(diagnostics.map(({ code, path }) => [code, path]), [
    ["STW344", ["strategies", 0, "attention"]],
  ]);
  const axis = text.replace(", attention: sdpa", "").replace(
    "[1] }",
    "[1], attention: [eager, sdpa] }",
  );
  const plan = await planOf(axis);
  assert.deepEqual(plan.cells.map(({ prediction }) => prediction.verdict), ["fits", "invalid"]);
});

Deno.test("a step is captured where the workers have one for the function of the MLP", async () => {
  const decodeOf = async (act: string) => {
    const config =
      "{ model_type: llama, hidden_size: 64, num_hidden_layers: 2, num_attention_heads: 4, " +
      `intermediate_size: 128, vocab_size: 100, hidden_act: ${act} }`;
    const plan = await planOf(
      `model: { config: ${config} }\nhardware: 1x H100\nstrategies: [accelerate]\ngrid: { batchSize: [1] }\n`,
    );
    const { strategy } = plan.cells[0] ?? {};
    return strategy !== undefined && "decode" in strategy ? strategy.decode : undefined;
  };
  assert.equal(await decodeOf("silu"), "graph");
  assert.equal(await decodeOf("gelu_pytorch_tanh"), "eager");
});

Deno.test("an impossible config is refused at the model", async () => {
  const { diagnostics } = await compileText(SMALL.replace("n_head: 4", "n_head: 5"));
  assert.deepEqual(diagnostics.map(({ code, path }) => [code, path]), [
    ["STW301", ["model", "config"]],
  ]);
});

Deno.test("a cell whose bytes cannot be counted exactly is invalid when an axis made it, else a mistake", async () => {
  const grown = SMALL.replace("{ tokens: 8 }", "{ tokens: 65536 }");
  const huge = grown.replace("hidden_size: 64", "hidden_size: 65536");
  const axis = await planOf(huge.replace("[1, 4]", "[1, 1000000]"));
  assert.deepEqual(axis.cells.map(({ prediction }) => prediction.verdict === "invalid"), [
    ...[false, true],
    ...[false, true],
    ...[false, true],
  ]);
  assert.match(axis.cells[1]?.prediction.causes[0] ?? "", /more bytes than can be counted exactly/);
  const lengths = huge.replace("{ batchSize: [1, 4] }", "{}")
    .replace("n_layer: 4", "n_layer: 2048").replace("hidden_size: 65536", "hidden_size: 1048576");
  const { value, diagnostics } = await compileText(lengths);
  assert.equal(value, undefined);
  assert.deepEqual([...new Set(diagnostics.map(({ code }) => code))], ["STW311"]);
});

Deno.test("GPU plans say what is reserved, cpu plans have no such memory", async () => {
  const reserved = async (text: string) =>
    (await planOf(text)).cells[0]?.prediction.devices.map((device) => device.peakReservedBytes);
  for (const bytes of await reserved(ONE) ?? []) assert.ok(bytes !== null && bytes % 2 ** 21 === 0);
  assert.deepEqual(await reserved(SMALL), [null]);
});
