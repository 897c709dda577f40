import assert from "node:assert/strict";
import { attend } from "../../lib/model/attention.ts";
import type { Operation, TraceSink } from "../../lib/trace/trace.ts";
import { Recorder } from "../trace/recorder.ts";
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

Deno.test("a fused result is laid out as its query, but by tokens where CUDA has a mask", () => {
  function copies(type: "cpu" | "gpu", hasMask: boolean, byHeads: boolean, query = 5): number {
    const recorder = new Recorder();
    const sizes = { batch: 2, query, keys: 100, heads: 4, kvHeads: 4, headDim: 8 };
    const torch = torchOn(
      recorder,
      testRuntime("bfloat16", { attention: "sdpa", deviceType: type }),
    );
    attend(torch, sizes, { hasMask, scales: false, byHeads });
    return recorder.tensors().filter(({ name }) => name === "context.contiguous").length;
  }
  assert.equal(copies("gpu", false, true), 1);
  assert.equal(copies("gpu", true, true), 0);
  assert.equal(copies("cpu", true, true), 1);
  assert.equal(copies("gpu", false, false), 0);
  assert.equal(copies("gpu", false, true, 1), 0, "one token has one layout");
});
