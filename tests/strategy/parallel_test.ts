import assert from "node:assert/strict";
import { container, layerNorm, linear, namedParameters } from "../../lib/model/module.ts";
import { tensorParallelElements, zeroPartitionElements } from "../../lib/strategy/parallel.ts";

const TREE = container("", "Block", [
  linear("up", 8, 32, { parallel: "column" }),
  linear("down", 32, 8, { parallel: "row" }),
  layerNorm("norm", 7),
]);

function perParameter(count: (named: Parameters<typeof zeroPartitionElements>[0]) => number) {
  return Object.fromEntries([...namedParameters(TREE)].map((named) => [named.name, count(named)]));
}

Deno.test("a column layer is cut whole, a row layer but for its bias, the rest is kept", () => {
  assert.deepEqual(perParameter((named) => tensorParallelElements(named, 4)), {
    "up.weight": 8 * 32 / 4,
    "up.bias": 32 / 4,
    "down.weight": 32 * 8 / 4,
    "down.bias": 8,
    "norm.weight": 7,
    "norm.bias": 7,
  });
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
