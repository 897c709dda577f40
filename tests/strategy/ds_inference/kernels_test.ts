import assert from "node:assert/strict";
import { behavioursOf } from "../../../lib/catalog/behaviours.ts";
import { workspaceBytes, type WorkspaceNeed } from "../../../lib/strategy/ds_inference/kernels.ts";

/** bloom-7b1 on one rank. */
const NEED: WorkspaceNeed = {
  hiddenSize: 4096,
  heads: 32,
  layers: 30,
  ranks: 1,
  batchSize: 1,
  elementBytes: 2,
  maxOutTokens: 1024,
  externalCache: true,
  freeBytes: null,
};

function bytes(deepspeed: string, changes: Partial<WorkspaceNeed> = {}): number {
  return workspaceBytes({ ...NEED, ...changes }, behavioursOf({ versions: { deepspeed } }));
}

Deno.test("the workspace is what was measured: 0.151 GB for one sequence, 3.221 GB for 128 of 256 tokens", () => {
  assert.equal(bytes("0.19.8"), 150_994_944);
  assert.equal(bytes("0.19.8", { batchSize: 128, maxOutTokens: 256 }), 3_221_225_472);
});

Deno.test("until 0.7.3 it has room for 128 tokens of the whole hidden size, whatever the ranks", () => {
  // 63 MiB for each sequence of BLOOM-176B.
  const bloom = { hiddenSize: 14336, heads: 112, layers: 70 };
  for (const ranks of [1, 4, 8]) {
    assert.equal(bytes("0.7.3", { ...bloom, ranks, batchSize: 3 }), 3 * 63 * 2 ** 20);
  }
  // Other families keep the cache of all layers in it.
  assert.equal(bytes("0.7.3", { externalCache: false }), (16 + 60) * 4096 * 128 * 2);
});

Deno.test("little free memory leaves fewer tokens, and less than the minimum counts as the minimum", () => {
  const free = (freeBytes: number) => bytes("0.19.8", { batchSize: 128, freeBytes });
  assert.equal(free(90e9), bytes("0.19.8", { batchSize: 128 }));
  const perToken = (10 * 4096 + 32 * 1024) * 128 * 2;
  const some = free(40e9);
  assert.equal(some % perToken, 0);
  assert.ok(some < 40e9 && some > 0);
  assert.ok(free(1e8) > 1e8);
});

Deno.test("each version has its own terms", () => {
  assert.equal(bytes("0.7.5"), (16 * 4096 + 2 * 32 * 1024) * 1024 * 2);
  assert.equal(bytes("0.9.0"), (10 * 4096 + 32 * 1024) * 1024 * 2);
  assert.equal(bytes("0.7.4"), (32 * 128 * 128 + 2 * 32 * 8192) * 8192 * 2);
  // Heads of 48 are padded to 64.
  const odd = { hiddenSize: 48 * 32 };
  assert.equal(bytes("0.19.8", odd), (10 * 32 * 64 + 32 * 1024) * 1024 * 2);
});
