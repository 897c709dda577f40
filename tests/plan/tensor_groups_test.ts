import assert from "node:assert/strict";
import fc from "fast-check";
import { type GroupFacts, groupTensors } from "../../lib/plan/tensor_groups.ts";
import type { Category, Tensor } from "../../lib/trace/trace.ts";
import { SHAPE } from "../strategy/contexts.ts";

const FACTS: GroupFacts = {
  shape: SHAPE, // 4 layers, 4 heads of 16
  batchSize: 8,
  queryTokens: 1,
  lengthTokens: 10,
  elementBytes: 2,
};

function tensor(name: string, category: Category, bytes: number): Tensor {
  return { device: 0, name, category, bytes };
}

const CACHE = Array.from({ length: 4 }, (_, layer) => [
  tensor(`h.${layer}.key`, "kv", 8 * 4 * 10 * 16 * 2),
  tensor(`h.${layer}.value`, "kv", 8 * 4 * 10 * 16 * 2),
]).flat();

Deno.test("the cache of all layers is one group, with the product that gives its bytes", () => {
  const [group] = groupTensors(CACHE, FACTS);
  assert.equal(group?.name, "KV cache of 4 layers");
  assert.equal(group?.count, 8);
  assert.equal(group?.bytes, 2 * 4 * 8 * 4 * 10 * 16 * 2);
  assert.equal(
    group?.formula,
    "2 x 4 layers x 8 sequences x 4 heads x 10 tokens x 16 x 2 B",
  );
});

Deno.test("a cache that is there twice is told as copies, one of a part of the heads by these", () => {
  const [twice] = groupTensors([...CACHE, ...CACHE], FACTS);
  assert.match(twice?.formula ?? "", /^2 copies x 2 x 4 layers/);
  const half = CACHE.map((each) => ({ ...each, bytes: each.bytes / 2 }));
  assert.match(groupTensors(half, FACTS)[0]?.formula ?? "", /x 2 heads x/);
});

Deno.test("a cache that is allocated beforehand is told with all its tokens", () => {
  const longer = CACHE.map((each) => ({ ...each, bytes: each.bytes / 10 * 64 }));
  assert.equal(
    groupTensors(longer, FACTS)[0]?.formula,
    "2 x 4 layers x 8 sequences x 4 heads x 64 tokens allocated x 16 x 2 B",
  );
});

Deno.test("a workspace has no formula, even where a product of sizes happens to give its bytes", () => {
  const [workspace] = groupTensors(
    [tensor("cuBLAS workspace", "workspace", 8 * SHAPE.vocabSize * 4)],
    FACTS,
  );
  assert.equal(workspace?.formula, undefined);
});

Deno.test("weights of layers are one group, other weights and buffers keep their names", () => {
  const groups = groupTensors([
    tensor("transformer.h.0.mlp.weight", "weights", 4000),
    tensor("transformer.h.1.mlp.weight", "weights", 4000),
    tensor("transformer.word_embeddings.weight", "weights", 2000),
    tensor("lm_head (gathered)", "communication", 1000),
    tensor("logits", "activation", 8 * SHAPE.vocabSize * 4),
  ], FACTS);
  assert.deepEqual(groups.map(({ name, formula }) => [name, formula]), [
    ["logits", "8 sequences x 1000 vocabulary x 4 B"],
    ["weights of 2 layers", "4,000 x 2 B"],
    ["transformer.word_embeddings.weight", "1,000 x 2 B"],
    ["lm_head (gathered)", "500 x 2 B"],
  ]);
});

Deno.test("a name decides between products that give the same bytes", () => {
  // 4 heads of 16 are the hidden size, and 64 tokens are as many as it has elements.
  const facts = { ...FACTS, queryTokens: 64, lengthTokens: 64 };
  const bytes = 8 * 64 * 64 * 2;
  const formulaOf = (name: string, size = bytes) =>
    groupTensors([tensor(name, "activation", size)], facts)[0]?.formula;
  assert.equal(formulaOf("causal_mask"), "8 sequences x 64 query tokens x 64 tokens x 2 B");
  assert.equal(
    formulaOf("causal_mask", bytes / 2),
    "8 sequences x 64 query tokens x 64 tokens x 1 B",
  );
  assert.equal(
    formulaOf("repeat_key"),
    "8 sequences x 4 heads x 64 query tokens x 16 elements x 2 B",
  );
  assert.equal(
    formulaOf("scores.masked", 4 * bytes),
    "8 sequences x 4 heads x 64 query tokens x 64 tokens x 2 B",
  );
  assert.equal(formulaOf("mlp_output"), "8 sequences x 64 query tokens x 64 hidden x 2 B");
});

Deno.test("what was moved to devices is told alike, whatever layer it is for", () => {
  const groups = [3, 8].map((layer) =>
    groupTensors([tensor(`model.layers.${layer} (moved)`, "activation", 8)], FACTS)
  );
  assert.deepEqual(groups[0], groups[1]);
  assert.equal(groups[0]?.[0]?.name, "model.layers (moved)");
});

Deno.test("no formula is better than one that does not give the bytes", () => {
  const [odd] = groupTensors([tensor("odd", "activation", 12345)], FACTS);
  assert.equal(odd?.formula, undefined);
});

Deno.test("groups add up to the tensors, whatever they are", () => {
  const any = fc.record({
    name: fc.constantFrom("h.1.key", "h.2.value (moved)", "logits", "a.3.weight", "mask", ""),
    category: fc.constantFrom<Category>("kv", "weights", "activation", "communication"),
    bytes: fc.integer({ min: 0, max: 1e6 }),
    device: fc.constant(0),
  });
  fc.assert(
    fc.property(fc.array(any), (tensors) => {
      const groups = groupTensors(tensors, FACTS);
      const sum = (items: readonly { bytes: number }[]) => items.reduce((a, b) => a + b.bytes, 0);
      assert.equal(sum(groups), sum(tensors));
      assert.equal(groups.reduce((count, group) => count + group.count, 0), tensors.length);
    }),
    { seed: 9, numRuns: 200 },
  );
});
