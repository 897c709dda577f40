import assert from "node:assert/strict";
import { alibiOf } from "../../lib/model/bloom_alibi.ts";
import { Recorder } from "../trace/recorder.ts";
import { pass, testRuntime, torchOn } from "./shapes.ts";

const HEADS = 8;
const TOKENS = 5;

/** Bytes of the biases, and what is alive beside them in the end, and at the fullest moment. */
function biases(batch: number, ranks: number, dtype: "float16" | "float32") {
  const recorder = new Recorder();
  const torch = torchOn(recorder, testRuntime(dtype));
  const { bytes } = alibiOf(torch, HEADS, pass({ batch, query: TOKENS }), ranks);
  const large = recorder.tensors().filter(({ name }) => name.startsWith("alibi_float"));
  const live = [...recorder.live.values()].map((tensor) => tensor.bytes);
  return { bytes, live, floats: large.map((tensor) => tensor.bytes) };
}

Deno.test("every rank makes the biases of all heads, and keeps those of its own", () => {
  const all = 3 * HEADS * TOKENS;
  assert.deepEqual(biases(3, 1, "float16"), { bytes: 2 * all, live: [2 * all], floats: [4 * all] });
  assert.deepEqual(biases(3, 2, "float16"), {
    bytes: all,
    live: [all],
    floats: [4 * all, 2 * all],
  });
  assert.deepEqual(biases(3, 2, "float32"), {
    bytes: 2 * all,
    live: [2 * all],
    floats: [4 * all, 2 * all],
  });
});

Deno.test("the heads of one sequence lie beside each other: they are a view", () => {
  const all = HEADS * TOKENS;
  assert.deepEqual(biases(1, 2, "float16"), { bytes: all, live: [all], floats: [4 * all] });
  assert.deepEqual(biases(1, 2, "float32"), { bytes: 2 * all, live: [4 * all], floats: [4 * all] });
});
