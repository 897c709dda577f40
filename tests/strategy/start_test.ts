import assert from "node:assert/strict";
import { symmetricDevices, traceStart } from "../../lib/strategy/start.ts";
import { HOST } from "../../lib/trace/trace.ts";
import { Recorder } from "../trace/recorder.ts";
import { CPU, strategyContext } from "./contexts.ts";

function startOf(device: number, worldSize: number, context = strategyContext()) {
  const recorder = new Recorder();
  traceStart("ds-zero", context, device, worldSize, recorder);
  return recorder.tensors().map((tensor) => [tensor.device, tensor.category]);
}

Deno.test("a GPU holds a context, beside others with the buffers of the communication library", () => {
  assert.deepEqual(startOf(0, 1), [[0, "context"], [HOST, "context"]]);
  assert.deepEqual(startOf(0, 8), [[0, "context"], [0, "context"], [HOST, "context"]]);
});

Deno.test("one process has one interpreter, however many GPUs it sees", () => {
  assert.deepEqual(startOf(1, 1), [[1, "context"]]);
});

Deno.test("a cpu device is the interpreter itself", () => {
  assert.deepEqual(startOf(0, 2, strategyContext({ device: CPU })), [[0, "context"]]);
});

Deno.test("the context of torch 1 is larger than that of torch 2", () => {
  function contextBytes(torch: string): number {
    const recorder = new Recorder();
    const stack = { name: "s", versions: { torch }, runnable: false };
    traceStart("accelerate", { ...strategyContext(), stack }, 0, 1, recorder);
    return recorder.tensors()[0]?.bytes ?? 0;
  }
  assert.ok(contextBytes("1.12.0") > contextBytes("2.11.0+cu130"));
});

Deno.test("ranks fill the nodes one after the other and are alike", () => {
  assert.deepEqual(symmetricDevices(4, strategyContext({ nodes: 2, deviceCount: 2 })), [
    { index: 0, node: 0, traced: 0 },
    { index: 1, node: 0, traced: 0 },
    { index: 0, node: 1, traced: 0 },
    { index: 1, node: 1, traced: 0 },
  ]);
});
