import assert from "node:assert/strict";
import {
  container,
  embedding,
  layerNorm,
  linear,
  namedParameters,
  parameterCount,
} from "../../lib/model/module.ts";

const TREE = container("", "Model", [
  embedding("table", 10, 4),
  container("body", "Body", [linear("up", 4, 8, { parallel: "column" }), layerNorm("norm", 8)]),
  linear("head", 4, 10, { bias: false, tiedTo: "table.weight" }),
]);

Deno.test("parameters are listed by full name, in order, tied ones too", () => {
  assert.deepEqual([...namedParameters(TREE)].map(({ name }) => name), [
    "table.weight",
    "body.up.weight",
    "body.up.bias",
    "body.norm.weight",
    "body.norm.bias",
    "head.weight",
  ]);
});

Deno.test("a linear layer has weight [outputs, inputs] and a bias [outputs]", () => {
  const { parameters, parallel } = linear("up", 4, 8, { parallel: "column" });
  assert.deepEqual(parameters, [{ name: "weight", shape: [8, 4] }, { name: "bias", shape: [8] }]);
  assert.equal(parallel, "column");
});

Deno.test("a tied parameter counts once", () => {
  assert.equal(parameterCount(TREE), 40 + 32 + 8 + 8 + 8);
});
