import assert from "node:assert/strict";
import { SharedBuffers } from "../../../lib/strategy/ds_inference/shared_buffers.ts";
import { HOST } from "../../../lib/trace/trace.ts";
import { Recorder } from "../../trace/recorder.ts";

const MIB = 2 ** 20;

function touched(ranks: number, messages: readonly number[]): number {
  const recorder = new Recorder();
  const buffers = new SharedBuffers(ranks, recorder);
  for (const bytes of messages) buffers.reduce(bytes);
  const tensors = recorder.tensors();
  assert.ok(tensors.every(({ device, category }) => device === HOST && category === "workspace"));
  return tensors.reduce((sum, { bytes }) => sum + bytes, 0);
}

Deno.test("two ranks touch both buffers of both, as far as the largest message of each kind", () => {
  assert.equal(touched(2, [1000]), 4 * 1000);
  assert.equal(touched(2, [1000, 800, 1200]), 4 * 1200);
  assert.equal(touched(2, [1000, 4 * MIB]), 4 * 1000 + 4 * 4 * MIB);
});

Deno.test("a long message is cut, and its parts take turns", () => {
  assert.equal(touched(2, [38 * MIB]), 2 * 38 * MIB);
  assert.equal(touched(2, [200 * MIB]), 2 * 64 * MIB);
});

Deno.test("of large messages many ranks read two slices of each other, of small ones all", () => {
  assert.equal(touched(4, [1000]), 2 * 1000 * 4);
  assert.equal(touched(4, [4 * MIB]), 2 * 4 * MIB * (1 + 3 / 2));
});

Deno.test("a single rank shares nothing", () => {
  assert.equal(touched(1, [1000, 4 * MIB]), 0);
});
