import assert from "node:assert/strict";
import { memoryCalibration } from "../../../lib/catalog/calibration.ts";
import { placeAccelerate } from "../../../lib/strategy/accelerate/place.ts";
import type { StrategyContext } from "../../../lib/strategy/strategy.ts";
import { accelerateSpec, GPU, strategyContext } from "../contexts.ts";

/** Places of the weights on one GPU with `freeBytes` beside its context. */
function placesOf(freeBytes: number, changes: Partial<StrategyContext> = {}) {
  const { cudaContextBytes } = memoryCalibration(strategyContext().stack);
  const device = { ...GPU, memoryBytes: cudaContextBytes + freeBytes };
  const context = { ...strategyContext({ deviceCount: 1, device }), ...changes };
  const { value } = placeAccelerate(accelerateSpec(), context);
  return new Set(value?.weights.map(({ place }) => place));
}

Deno.test("without max_memory the map fills what the driver has free beside the context", () => {
  assert.deepEqual(placesOf(1e6), new Set([0]));
  assert.deepEqual(placesOf(3e5), new Set([0, "cpu"]));
});

Deno.test("a budget caps the allocator, which the map does not see", () => {
  assert.deepEqual(placesOf(1e6, { deviceCapacityBytes: 1000 }), new Set([0]));
});

Deno.test("int8 weights are half of float16 where they are quantized", () => {
  const context = strategyContext({ deviceCount: 1, stack: "2022-09" });
  const bytesOf = (dtype: "int8" | "float16") =>
    new Map(
      placeAccelerate(accelerateSpec({ dtype }), context).value?.weights.map((weight) => [
        weight.name,
        weight.bytes,
      ]),
    );
  const [int8, half] = [bytesOf("int8"), bytesOf("float16")];
  const up = "transformer.h.0.mlp.dense_h_to_4h.weight";
  assert.equal(int8.get(up), (half.get(up) ?? 0) / 2);
  const embedding = "transformer.word_embeddings.weight";
  assert.equal(int8.get(embedding), half.get(embedding));
});
