import assert from "node:assert/strict";
import { bloom } from "../../lib/model/bloom.ts";
import { findFamily, supportedModelTypes } from "../../lib/model/registry.ts";

Deno.test("a family is found by model_type", () => {
  assert.equal(findFamily("bloom"), bloom);
  assert.equal(findFamily("llama"), undefined);
});

Deno.test("every supported model_type has a family", () => {
  assert.ok(supportedModelTypes().includes("bloom"));
  for (const type of supportedModelTypes()) assert.ok(findFamily(type), type);
});
