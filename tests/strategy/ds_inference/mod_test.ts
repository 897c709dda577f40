import assert from "node:assert/strict";
import { PeakMemory } from "../../../lib/memory/peak.ts";
import { parameterCount } from "../../../lib/model/module.ts";
import { dsInference } from "../../../lib/strategy/ds_inference/mod.ts";
import { HOST } from "../../../lib/trace/trace.ts";
import { catalogShape } from "../../model/shapes.ts";
import { Recorder } from "../../trace/recorder.ts";
import { CPU, dsInferenceSpec, strategyContext } from "../contexts.ts";

const WORKLOAD = { batchSize: 2, promptTokens: 4, newTokens: 3 };
const WHOLE_BYTES = 2 * parameterCount(strategyContext().root);

function place(
  changes: Parameters<typeof dsInferenceSpec>[0] = {},
  hardware: Parameters<typeof strategyContext>[0] = {},
) {
  const context = strategyContext({ use: "ds-inference", ...hardware });
  const { value } = dsInference.place(dsInferenceSpec(changes), context);
  assert.ok(value);
  return value;
}

Deno.test("one group of ranks serves one stream", () => {
  const { worldSize, streams, devices } = place({}, { deviceCount: 4 });
  assert.deepEqual([worldSize, streams, devices.length], [4, 1, 4]);
  assert.equal(place({ tensorParallel: 2 }, { deviceCount: 4 }).worldSize, 2);
});

Deno.test("the cache of a rank holds its heads only", () => {
  function kvBytes(deviceCount: number): number {
    const memory = new PeakMemory(1);
    place({}, { deviceCount }).trace(WORKLOAD, memory);
    return memory.peakOf(0, "kv");
  }
  assert.equal(kvBytes(4), kvBytes(1) / 4);
});

Deno.test("ranks sum each layer twice over the link, a ring sending 2 (n - 1) / n", () => {
  const recorder = new Recorder();
  place({}, { deviceCount: 4 }).trace({ ...WORKLOAD, newTokens: 1 }, recorder);
  const sums = recorder.operations().filter(({ name }) => name === "all_reduce");
  assert.equal(sums.length, 2 * 4 + 1);
  const hiddenBytes = 2 * 4 * 64 * 2;
  assert.equal(sums[0]?.linkBytes, 2 * hiddenBytes * 3 / 4);
});

Deno.test("one rank has nobody to sum with", () => {
  const recorder = new Recorder();
  place({}, { deviceCount: 1 }).trace(WORKLOAD, recorder);
  assert.ok(!recorder.operations().some(({ name }) => name === "all_reduce"));
});

Deno.test("without kernels each rank loads the whole model in host memory and drops it", () => {
  const memory = new PeakMemory(1);
  place().trace(WORKLOAD, memory);
  assert.equal(memory.peak(HOST, ["load"]).byCategory.weights, WHOLE_BYTES);
  assert.equal(memory.peak(HOST, ["prefill"]).byCategory.weights, 0);
  const recorder = new Recorder();
  place().trace(WORKLOAD, recorder);
  assert.ok(![...recorder.live.values()].some(({ name }) => name === "unsharded model"));
});

Deno.test("kernels of a stack of 2022 read file by file, a current one the whole model", () => {
  function loadedBytes(runnable: boolean): number {
    const shape = catalogShape("bigscience/bloom");
    const context = strategyContext({ use: "ds-inference", shape, deviceCount: 8 });
    const stack = { ...context.stack, runnable };
    const spec = dsInferenceSpec({ kernelInject: true });
    const { value } = dsInference.place(spec, { ...context, stack });
    const memory = new PeakMemory(1);
    value?.trace(WORKLOAD, memory);
    return memory.peak(HOST, ["load"]).byCategory.weights;
  }
  assert.equal(loadedBytes(true), 2 * 176_247_271_424);
  assert.equal(loadedBytes(false), 10e9);
});

Deno.test("on a cpu device the whole model and the shards are in one memory", () => {
  const memory = new PeakMemory(1);
  place({}, { device: CPU }).trace(WORKLOAD, memory);
  const { weights } = memory.peak(0, ["load"]).byCategory;
  assert.ok(weights > WHOLE_BYTES + WHOLE_BYTES / 2);
});

Deno.test("the session starts one process per rank and has no configuration", () => {
  const context = strategyContext({ use: "ds-inference" });
  const launch = dsInference.launch(dsInferenceSpec(), context, place({ tensorParallel: 1 }));
  assert.ok(launch.argv.includes("{workers}/ds_inference_worker.py"));
  assert.equal(launch.deepspeedConfig, undefined);
});
