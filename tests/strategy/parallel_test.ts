import assert from "node:assert/strict";
import { strategyContext } from "./contexts.ts";
import { container, layerNorm, linear, namedParameters } from "../../lib/model/module.ts";
import {
  cutSizes,
  partElements,
  tensorParallelParts,
  weightElementBytes,
  zeroPartitionElements,
} from "../../lib/strategy/parallel.ts";

const TREE = container("", "Block", [
  linear("up", 8, 32, { parallel: "column" }),
  linear("down", 32, 8, { parallel: "row" }),
  layerNorm("norm", 7),
]);

function perParameter(count: (named: Parameters<typeof zeroPartitionElements>[0]) => number) {
  return Object.fromEntries([...namedParameters(TREE)].map((named) => [named.name, count(named)]));
}

Deno.test("a column layer is cut whole, a row layer but for its bias, the rest is kept", () => {
  assert.deepEqual(
    perParameter((named) =>
      partElements(named.parameter.shape, tensorParallelParts(named, { ranks: 4, grain: 64 }))
    ),
    {
      "up.weight": 8 * 32 / 4,
      "up.bias": 32 / 4,
      "down.weight": 32 * 8 / 4,
      "down.bias": 8,
      "norm.weight": 7,
      "norm.bias": 7,
    },
  );
});

Deno.test("sizes are cut in whole grains, the first ranks having one more, the last what is less than one", () => {
  const cut = (size: number, ranks: number, grain: number) => cutSizes(size, { ranks, grain });
  assert.deepEqual([cut(256, 2, 64), cut(96, 2, 64)], [[128, 128], [64, 32]]);
  assert.deepEqual(cut(320, 4, 64), [128, 64, 64, 64]);
  assert.deepEqual(cut(416, 2, 64), [192, 224]);
  assert.deepEqual([cut(64, 2, 64), cut(50, 4, 64)], [[64, 0], [13, 13, 12, 12]]);
  assert.deepEqual([cut(200, 1, 64), cut(96, 2, 1)], [[200], [48, 48]]);
});

Deno.test("ZeRO cuts every parameter in equal parts of whole elements", () => {
  assert.deepEqual(perParameter((named) => zeroPartitionElements(named, 4)), {
    "up.weight": 64,
    "up.bias": 8,
    "down.weight": 64,
    "down.bias": 2,
    "norm.weight": 2,
    "norm.bias": 2,
  });
});

Deno.test("int8 halves the matrices of the layers and leaves the rest in float16", () => {
  const { root } = strategyContext();
  const bytesOf = new Map(
    [...namedParameters(root)].map((named) => [named.name, weightElementBytes(named, "int8")]),
  );
  assert.equal(bytesOf.get("transformer.h.0.mlp.dense_h_to_4h.weight"), 1);
  for (
    const name of [
      "transformer.word_embeddings.weight",
      "transformer.h.0.mlp.dense_h_to_4h.bias",
      "transformer.h.0.input_layernorm.weight",
      "lm_head.weight",
    ]
  ) {
    assert.equal(bytesOf.get(name), 2, name);
  }
  const [first] = namedParameters(root);
  assert.equal(first && weightElementBytes(first, "float32"), 4);
});
