import assert from "node:assert/strict";
import { bloom } from "../../lib/model/bloom.ts";
import { llama } from "../../lib/model/llama.ts";
import { findFamily, supportedModelTypes } from "../../lib/model/registry.ts";

Deno.test("a family is found by model_type", () => {
  assert.equal(findFamily("bloom"), bloom);
  assert.equal(findFamily("qwen3"), llama);
  assert.equal(findFamily("t5"), undefined);
});

Deno.test("every supported model_type has a family, and only one", () => {
  const types = supportedModelTypes();
  assert.ok(types.includes("bloom"));
  assert.deepEqual([...new Set(types)], types);
  for (const type of types) assert.ok(findFamily(type), type);
});
