import assert from "node:assert/strict";
import { parameterCount } from "../../../lib/model/module.ts";
import { placeZero } from "../../../lib/strategy/ds_zero/place.ts";
import { CPU, dsZeroSpec, strategyContext } from "../contexts.ts";

function layoutOf(
  changes: Parameters<typeof dsZeroSpec>[0],
  hardware: Parameters<typeof strategyContext>[0] = {},
) {
  const { value, diagnostics } = placeZero(dsZeroSpec(changes), strategyContext(hardware));
  assert.ok(value, JSON.stringify(diagnostics));
  return value;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

Deno.test("every rank keeps an equal part of every parameter", () => {
  const context = strategyContext();
  const { ranks, weights, wholeBytes } = layoutOf({});
  assert.equal(ranks, 2);
  assert.equal(wholeBytes, 2 * parameterCount(context.root));
  assert.equal(sum(weights.map(({ partBytes }) => partBytes)), wholeBytes / 2);
  assert.ok(weights.every(({ hostBytes }) => hostBytes === 0));
});

Deno.test("parts are rounded up to whole elements", () => {
  const { weights } = layoutOf({}, { deviceCount: 3 });
  const norm = weights.find(({ name }) => name === "transformer.ln_f.weight");
  assert.equal(norm?.wholeBytes, 128);
  assert.equal(norm?.partBytes, 2 * 22);
});

Deno.test("all devices of all nodes are ranks", () => {
  assert.equal(layoutOf({}, { deviceCount: 4, nodes: 2 }).ranks, 8);
});

Deno.test("a weight knows the modules that use it, and a tied head has none of its own", () => {
  const { weights } = layoutOf({});
  const bias = weights.find(({ name }) => name === "transformer.h.0.mlp.dense_4h_to_h.bias");
  assert.deepEqual(bias?.modules, ["transformer.h.0.mlp.dense_4h_to_h"]);
  const embedding = weights.find(({ name }) => name.includes("word_embeddings.weight"));
  assert.deepEqual(embedding?.modules, ["transformer.word_embeddings", "lm_head"]);
  assert.ok(!weights.some(({ name }) => name.startsWith("lm_head")));
});

Deno.test("pinned parts grow to powers of two", () => {
  const pinned = layoutOf({ offload: "cpu" }, { deviceCount: 3 });
  for (const { hostBytes, wholeBytes } of pinned.weights) {
    assert.ok(Number.isInteger(Math.log2(hostBytes)), String(hostBytes));
    assert.ok(hostBytes >= wholeBytes / 3 && hostBytes < 2 * (wholeBytes / 3 + 2));
  }
  const plain = layoutOf({ offload: "cpu", pinMemory: false });
  assert.equal(sum(plain.weights.map(({ hostBytes }) => hostBytes)), plain.wholeBytes / 2);
});

Deno.test("offload to a drive stages five buffers in host memory, and one parameter", () => {
  const { weights, stagingBytes } = layoutOf({ offload: "nvme", nvmePath: "/nvme" });
  assert.equal(stagingBytes, 5 * 4e9 * 2 + 1000 * 64 * 2 / 2);
  assert.ok(weights.every(({ hostBytes }) => hostBytes === 0));
  assert.equal(layoutOf({ offload: "cpu" }).stagingBytes, 0);
});

Deno.test("a drive needs a path, a cpu device has nowhere to offload to", () => {
  const codes = (spec: Parameters<typeof dsZeroSpec>[0], device = {}) =>
    placeZero(dsZeroSpec(spec), strategyContext(device)).diagnostics.map(({ code, path }) => [
      code,
      path,
    ]);
  assert.deepEqual(codes({ offload: "nvme" }), [["STW306", ["nvmePath"]]]);
  assert.deepEqual(codes({ offload: "cpu" }, { device: CPU }), [["STW308", ["offload"]]]);
  assert.deepEqual(codes({ offload: "nvme" }, { device: CPU }).map(([code]) => code), [
    "STW308",
    "STW306",
  ]);
  assert.deepEqual(codes({}, { device: CPU }), []);
});
