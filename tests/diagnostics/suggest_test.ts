import assert from "node:assert/strict";
import { suggest } from "../../lib/diagnostics/suggest.ts";

const KEYS = ["model", "hardware", "tensorParallel", "kernelInject", "seed"];

Deno.test("a slip of the finger is recognised", () => {
  assert.equal(suggest("modle", KEYS), "model");
  assert.equal(suggest("hardwear", KEYS), "hardware");
  assert.equal(suggest("sed", KEYS), "seed");
});

Deno.test("case, dashes and underscores do not count", () => {
  assert.equal(suggest("tensor_parallel", KEYS), "tensorParallel");
  assert.equal(suggest("KERNEL-INJECT", KEYS), "kernelInject");
});

Deno.test("what is far away is not guessed at", () => {
  for (const word of ["", "zebra", "x", "a".repeat(65), "__proto__"]) {
    assert.equal(suggest(word, KEYS), undefined, word);
  }
});

Deno.test("the nearest wins, and of two the first", () => {
  assert.equal(suggest("bloom-560", ["bloom-3b", "bloom-560m", "bloom-5600"]), "bloom-560m");
});

Deno.test("a part of the name is enough when nothing is nearer", () => {
  const devices = ["A100-SXM4-40GB", "A100-SXM4-80GB", "A100-PCIE-80GB-FANLESS", "RTX4090-24GB"];
  assert.equal(suggest("A100-80GB", devices), "A100-SXM4-80GB");
  assert.equal(suggest("4090", devices), "RTX4090-24GB");
  assert.equal(suggest("rtx 4090", devices), "RTX4090-24GB");
  assert.equal(suggest("gb", devices), undefined);
  assert.equal(suggest("batch", ["batchSize", "promptTokens"]), "batchSize");
  assert.equal(suggest("max_tokens", ["max_new_tokens", "max_length"]), "max_new_tokens");
});
