import assert from "node:assert/strict";
import { bloom } from "../../../lib/model/bloom.ts";
import { parameterCount } from "../../../lib/model/module.ts";
import {
  hookedCount,
  layerOf,
  type LeafSettings,
  leavesOf,
} from "../../../lib/strategy/ds_zero/leaves.ts";
import { SHAPE } from "../contexts.ts";

const ROOT = bloom.modules(SHAPE);
const NONE: LeafSettings = { classes: [], names: [], suffixes: [], granularity: 0 };
const LAYERS = [0, 1, 2, 3].map((layer) => `transformer.h.${layer}`);

function leaves(settings: Partial<LeafSettings>): string[] {
  return [...leavesOf(ROOT, { ...NONE, ...settings })];
}

Deno.test("classes are named alone or with their module, modules by name or by its end", () => {
  assert.deepEqual(leaves({}), []);
  assert.deepEqual(leaves({ classes: ["BloomBlock"] }), LAYERS);
  assert.deepEqual(
    leaves({ classes: ["transformers.models.bloom.modeling_bloom.BloomBlock"] }),
    LAYERS,
  );
  assert.deepEqual(leaves({ classes: ["Block"] }), []);
  assert.deepEqual(leaves({ names: ["transformer.h.2.mlp"] }), ["transformer.h.2.mlp"]);
  assert.deepEqual(leaves({ suffixes: ["mlp"] }), LAYERS.map((name) => `${name}.mlp`));
});

Deno.test("what is within a leaf is none of its own", () => {
  assert.deepEqual(leaves({ classes: ["BloomBlock", "BloomMLP"] }), LAYERS);
});

Deno.test("the threshold takes the outermost modules with few parameters for each module in them", () => {
  // 49,984 parameters in 9 modules; attention alone has 16,640 in 3.
  assert.deepEqual(leaves({ granularity: 5553 }), LAYERS);
  assert.deepEqual(
    leaves({ granularity: 5552 }),
    LAYERS.map((name) => `${name}.self_attention`),
  );
  assert.deepEqual(leaves({ granularity: 1e9 }), [""]);
  assert.deepEqual(leaves({ granularity: 5545 }), []);
});

Deno.test("a layer has the class and the parameters of the model's", () => {
  const layer = layerOf(ROOT, bloom.blockName(0));
  assert.equal(layer?.className, "BloomBlock");
  const outside = 1000 * 64 + 4 * 64;
  assert.equal((layer?.elements ?? 0) * SHAPE.layers + outside, parameterCount(ROOT));
  assert.equal(layerOf(ROOT, "transformer.h.9"), undefined);
});

Deno.test("a leaf counts as one module with hooks", () => {
  // The model, its transformer, the list, the embedding, two norms and the head; nine for each layer.
  assert.equal(hookedCount(ROOT, new Set()), 7 + 4 * 9);
  assert.equal(hookedCount(ROOT, new Set(LAYERS)), 7 + 4);
});
