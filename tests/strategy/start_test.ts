import assert from "node:assert/strict";
import { memoryCalibration } from "../../lib/catalog/calibration.ts";
import type { TracedSpec } from "../../lib/language/pipeline.ts";
import { findFamily, supportedModelTypes } from "../../lib/model/registry.ts";
import { symmetricDevices, traceFirstGeneration, traceStart } from "../../lib/strategy/start.ts";
import { HOST } from "../../lib/trace/trace.ts";
import { Recorder } from "../trace/recorder.ts";
import { CPU, strategyContext } from "./contexts.ts";

function startOf(
  device: number,
  worldSize: number,
  { use = "ds-inference" as TracedSpec["use"], context = strategyContext() } = {},
) {
  const recorder = new Recorder();
  const bytes = traceStart(use, context, device, worldSize, recorder);
  const own = recorder.tensors().filter(({ device: at, category }) =>
    at === device && category === "context"
  );
  assert.equal(bytes, own.reduce((sum, tensor) => sum + tensor.bytes, 0));
  return recorder.tensors().map((tensor) => [tensor.device, tensor.category]);
}

Deno.test("a GPU holds a context, beside others with the buffers of the communication library", () => {
  const libraries = [HOST, "context"];
  assert.deepEqual(startOf(0, 1), [[0, "context"], libraries, libraries]);
  assert.deepEqual(startOf(0, 8), [
    [0, "context"],
    [0, "context"],
    [0, "workspace"], // what the first barrier sums
    libraries,
    libraries,
    libraries,
  ]);
});

Deno.test("ZeRO sets the communication library up for one rank too", () => {
  assert.equal(startOf(0, 1, { use: "ds-zero" }).length, 6);
});

Deno.test("one process has one interpreter, and a context for each GPU that it sees", () => {
  assert.deepEqual(startOf(1, 1), [[1, "context"], [HOST, "context"]]);
});

Deno.test("a group that sums has more buffers than one that gathers, one of 2022 the same", () => {
  function bytes(use: TracedSpec["use"], torch: string): number {
    const context = strategyContext({ stack: { torch } });
    return traceStart(use, context, 0, 2, new Recorder());
  }
  assert.ok(bytes("ds-inference", "2.11.0") > bytes("ds-zero", "2.11.0"));
  assert.equal(bytes("ds-inference", "1.12.0"), bytes("ds-zero", "1.12.0"));
});

Deno.test("a cpu device is the interpreter itself", () => {
  const context = strategyContext({ device: CPU });
  assert.deepEqual(startOf(0, 2, { context }), [[0, "context"]]);
});

Deno.test("the first generation loads kernels into GPUs and the host beside them", () => {
  const recorder = new Recorder();
  const eager = { decode: "eager", attention: "eager" } as const;
  traceFirstGeneration(eager, strategyContext({ device: CPU }), [0], recorder);
  assert.equal(recorder.tensors().length, 0);
  traceFirstGeneration(eager, strategyContext(), [0, 1], recorder);
  assert.deepEqual(recorder.tensors().map(({ device }) => device), [0, 1, HOST]);
  traceFirstGeneration({ ...eager, decode: "graph" }, strategyContext(), [0], recorder);
  const devices = recorder.tensors().map(({ device }) => device);
  assert.deepEqual(devices.slice(3), [0, HOST, HOST, 0]);
});

Deno.test("the context of torch 1 is larger than that of torch 2", () => {
  function contextBytes(torch: string): number {
    const context = strategyContext({ stack: { torch } });
    return traceStart("accelerate", context, 0, 1, new Recorder());
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

Deno.test("the host knows the kernels of every family, and those of powers are more than those of a maximum", () => {
  const kernels = memoryCalibration(strategyContext().stack).hostKernelsBytes;
  const families = new Set(supportedModelTypes().map((type) => findFamily(type)?.modelTypes[0]));
  assert.deepEqual(Object.keys(kernels).sort(), [...families].sort());
  assert.ok((kernels["bloom"] ?? 0) > (kernels["opt"] ?? 0));
});
