import assert from "node:assert/strict";
import { compileGood, pipelineOf, smallPipeline } from "./builders.ts";

Deno.test("sugar and what it stands for are the same pipeline", () => {
  const pairs: readonly (readonly [sugar: string, plain: string])[] = [
    ["strategies: [accelerate]", "strategies: [{ use: accelerate }]"],
    ["hardware: 8x A100-SXM4-80GB", "hardware: { devices: 8x A100-SXM4-80GB }"],
    [
      "hardware: 8x A100-SXM4-80GB",
      "hardware: { nodes: 1, devices: { count: 8, kind: A100-SXM4-80GB } }",
    ],
    ["hardware: jean-zay-a100-8", "hardware: { name: jean-zay-a100-8 }"],
    ["model: bigscience/bloom", "model: { name: bigscience/bloom }"],
    ["stack: current", ""],
    ["prompts: synthetic", "prompts: { tokens: 8 }"],
    ["prompts: { file: ./p.txt }", "prompts: { source: file, file: ./p.txt }"],
    ["budget: { device: 1GiB }", "budget: { device: 1073741824 }"],
    ["budget: { host: 500GB }", "budget: { host: 500000000000 }"],
    ["benchmark: { timeout: 30min }", "benchmark: { timeout: 1800 }"],
    ["grid: { batchSize: [1, 2, 1] }", "grid: { batchSize: [1, 2] }"],
  ];
  for (const [sugar, plain] of pairs) {
    assert.deepEqual(pipelineOf(sugar), pipelineOf(plain), `${sugar} is ${plain}`);
  }
});

Deno.test("normalizing is done once and for all: the normalized form holds no sugar", () => {
  const { hardware, strategies, stack, model } = pipelineOf("hardware: 2x cpu");
  assert.deepEqual(hardware, { nodes: 1, devices: { count: 2, kind: "cpu" } });
  assert.deepEqual(stack, { name: "current" });
  assert.equal(model.weights, "random");
  assert.deepEqual(strategies.map(({ use, name }) => [use, name]), [["accelerate", "accelerate"]]);
});

Deno.test("dtype is float32 on cpu devices and bfloat16 elsewhere", () => {
  assert.equal(pipelineOf("hardware: 2x cpu").strategies[0]?.dtype, "float32");
  assert.equal(pipelineOf("hardware: 1x H100-SXM5-80GB").strategies[0]?.dtype, "bfloat16");
});

Deno.test("a pipeline without a name is called like its file", () => {
  assert.equal(compileGood(smallPipeline()).pipeline.name, "bloom");
  assert.equal(pipelineOf("name: other").name, "other");
});

Deno.test("where a model is found is told by how it is written", () => {
  const cases: readonly (readonly [written: string, found: Readonly<Record<string, unknown>>])[] = [
    ["bigscience/bloom", { catalog: "bigscience/bloom", weights: "random" }],
    ["./models/b", { path: "./models/b", name: "b", weights: "files", weightsPath: "./models/b" }],
    ["../b/config.json", { path: "../b/config.json", name: "b", weights: "random" }],
    ["/data/c.json", { path: "/data/c.json", name: "c", weights: "random" }],
    [
      "{ name: x, config: { model_type: bloom }, weights: on-device }",
      { name: "x", config: { model_type: "bloom" }, weights: "on-device" },
    ],
    [
      "{ config: ./c.json, weights: ./w }",
      { path: "./c.json", weights: "files", weightsPath: "./w" },
    ],
  ];
  for (const [written, found] of cases) {
    const model = pipelineOf(`model: ${written}`).model as unknown as Record<string, unknown>;
    for (const [key, value] of Object.entries(found)) assert.deepEqual(model[key], value, written);
  }
});

Deno.test("the config of a model is passed on verbatim", () => {
  const config = {
    model_type: "bloom",
    hidden_size: 64,
    rope_scaling: { factor: 1.5 },
    a: [1, null],
  };
  const { model } = pipelineOf(`model: { name: x, config: ${JSON.stringify(config)} }`);
  assert.deepEqual(model.config, config);
});

Deno.test("minimal and maximal lengths count the prompt, as in Hugging Face", () => {
  const { cells } = compileGood(smallPipeline("generate: { min_length: 100, max_length: 100 }"));
  assert.deepEqual(cells.map(({ newTokens }) => newTokens), [92]);
});
