import assert from "node:assert/strict";
import { attend } from "../../lib/model/attention.ts";
import type { Operation, TraceSink } from "../../lib/trace/trace.ts";
import { testRuntime, torchOn } from "./shapes.ts";

/** The fused kernel that one call launches. */
function flashKernel(query: number, type: "cpu" | "gpu"): Operation {
  const found: Operation[] = [];
  const sink: TraceSink = {
    beginPhase: () => {},
    allocate: () => 0,
    free: () => {},
    run: (operation) => found.push(operation),
  };
  const sizes = { batch: 2, query, keys: 100, heads: 4, kvHeads: 4, headDim: 8 };
  const torch = torchOn(sink, testRuntime("bfloat16", { attention: "sdpa", deviceType: type }));
  attend(torch, sizes, { hasMask: false, scales: false });
  const [kernel] = found;
  assert.ok(found.length === 1 && kernel !== undefined);
  return kernel;
}

Deno.test("fused attention computes a whole tile of queries on a GPU, and reads keys and values once", () => {
  const one = flashKernel(1, "gpu");
  const tile = flashKernel(64, "gpu");
  assert.equal(one.flops, tile.flops);
  assert.equal(tile.flops, 4 * 2 * 4 * 64 * 100 * 8);
  assert.equal(one.bytes, 2 * (2 * 4 * 8 * 2) + 2 * (2 * 4 * 100 * 8 * 2));
  assert.equal(flashKernel(128, "gpu").flops, 2 * tile.flops);
  assert.equal(flashKernel(1, "cpu").flops, tile.flops / 64);
});

Deno.test("fused attention is no product of a matrix with a vector", () => {
  assert.equal(flashKernel(1, "gpu").kind, "bytes");
});
