import assert from "node:assert/strict";
import { Tape } from "../../lib/trace/tape.ts";
import { Recorder } from "./recorder.ts";

Deno.test("tensors are activations unless told otherwise, on the device of the moment", () => {
  const recorder = new Recorder();
  const tape = new Tape(recorder, 2);
  tape.tensor("a", 10);
  tape.device = 3;
  tape.tensor("b", 20, "kv");
  assert.deepEqual(recorder.tensors(), [
    { device: 2, name: "a", category: "activation", bytes: 10 },
    { device: 3, name: "b", category: "kv", bytes: 20 },
  ]);
});

Deno.test("an elementwise kernel reads its inputs and writes its output", () => {
  const recorder = new Recorder();
  const handle = new Tape(recorder, 0).elementwise("add", 100, 200);
  assert.equal(recorder.live.get(handle)?.bytes, 100);
  assert.deepEqual(recorder.operations(), [
    { device: 0, name: "add", kind: "bytes", flops: 0, bytes: 300, launches: 1 },
  ]);
});

Deno.test("a product of [rows, inputs] and [inputs, outputs] costs two operations per multiply-add", () => {
  const recorder = new Recorder();
  const shape = { rows: 3, inputs: 5, outputs: 7 };
  const handle = new Tape(recorder, 0).matmul("linear", shape, 2);
  assert.equal(recorder.live.get(handle)?.bytes, 3 * 7 * 2);
  assert.deepEqual(recorder.operations(), [
    {
      device: 0,
      name: "linear",
      kind: "product",
      flops: 2 * 3 * 5 * 7,
      bytes: (15 + 35 + 21) * 2,
      launches: 1,
    },
  ]);
});

Deno.test("several tensors can be freed at once", () => {
  const recorder = new Recorder();
  const tape = new Tape(recorder, 0);
  const [a, b] = [tape.tensor("a", 1), tape.tensor("b", 1)];
  tape.tensor("c", 1);
  tape.free(a, b);
  assert.deepEqual([...recorder.live.values()].map(({ name }) => name), ["c"]);
});
