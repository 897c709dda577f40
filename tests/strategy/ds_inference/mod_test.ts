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

function hostWeights(...parameters: Parameters<typeof place>): number {
  const memory = new PeakMemory(1);
  place(...parameters).trace(WORKLOAD, memory);
  return memory.peak(HOST, ["load"]).byCategory.weights;
}

/** The version before the first whose layers keep tensors on meta. */
const CUTS_WHOLE = { deepspeed: "0.16.3" };

Deno.test("mapped files take no memory of the host, files of another dtype the whole model", () => {
  assert.equal(hostWeights({}, { stack: CUTS_WHOLE }), 0);
  const context = {
    ...strategyContext({ use: "ds-inference", stack: CUTS_WHOLE }),
    checkpointDtype: "bfloat16",
  } as const;
  const { value } = dsInference.place(dsInferenceSpec(), context);
  const memory = new PeakMemory(1);
  value?.trace(WORKLOAD, memory);
  assert.equal(memory.peak(HOST, ["load"]).byCategory.weights, WHOLE_BYTES);
  assert.equal(memory.peak(HOST, ["prefill"]).byCategory.weights, 0);
});

Deno.test("kernels of a stack of 2022 read file by file; current ones transpose all layers in memory", () => {
  const shape = catalogShape("bigscience/bloom");
  const old = { shape, deviceCount: 8, stack: "2022-07" };
  assert.equal(hostWeights({ kernelInject: true }, old), 10e9);
  const matrices = 70 * 12 * 14336 ** 2 * 2;
  const largest = 4 * 14336 ** 2 * 2;
  const current = { ...old, stack: { transformers: "4.43.4" } };
  assert.equal(hostWeights({ kernelInject: true }, current), matrices + largest);
});

Deno.test("a pre-sharded checkpoint is read once by all ranks together, but for what each keeps whole", () => {
  const shape = catalogShape("bigscience/bloom");
  const context = { shape, deviceCount: 8, stack: "2022-09" };
  const read = (checkpoint: "unsharded" | "presharded") =>
    place({ kernelInject: true, checkpoint }, context).checkpointReadBytes;
  assert.equal(read("unsharded"), 8 * 2 * 176_247_271_424);
  const embedding = 250880 * 14336 * 2;
  assert.ok(Math.abs(read("presharded") - (2 * 176_247_271_424 + 7 * embedding)) < 0.3e9);
  assert.equal(hostWeights({ kernelInject: true, checkpoint: "presharded" }, context), 7193346048);
});

function loadWeights(...parameters: Parameters<typeof place>): number {
  const memory = new PeakMemory(1);
  place(...parameters).trace(WORKLOAD, memory);
  return memory.peak(0, ["load"]).byCategory.weights;
}

Deno.test("before a model could be cut empty, a cpu device held all of it beside the shards", () => {
  const weights = loadWeights({}, { device: CPU, stack: CUTS_WHOLE });
  const layers = 4 * 12 * 64 * 64 * 2;
  const head = 1000 * 64 * 2;
  assert.ok(weights > WHOLE_BYTES + layers / 2 + head);
  assert.ok(weights < WHOLE_BYTES + layers / 2 * 1.05 + head);
});

Deno.test("a rank that fills its share holds no more than that and one tensor, wherever it comes from", () => {
  const shape = catalogShape("bigscience/bloom");
  const largest = 4 * 14336 ** 2 * 2;
  for (const weights of ["on-device", "random"] as const) {
    const context = { shape, deviceCount: 8, weights };
    const placement = place({}, context);
    const memory = new PeakMemory(1);
    placement.trace(WORKLOAD, memory);
    const share = memory.peak(0, ["decode"]).byCategory.weights;
    assert.ok(share < WHOLE_176B / 8 * 1.2, `${share}`);
    const onDevice = weights === "on-device";
    assert.equal(loadWeights({}, context), onDevice ? share + largest : share);
    // A matrix that is cut by its inputs is gathered on the host before it goes to the device.
    assert.equal(hostWeights({}, context), onDevice ? 0 : largest / 8);
    assert.deepEqual(placement.mappedBytes, { loading: 0, generating: 0 });
  }
});

const WHOLE_176B = 2 * 176_247_271_424;

Deno.test("files of another dtype are converted one tensor at a time", () => {
  const context = {
    ...strategyContext({ use: "ds-inference" }),
    checkpointDtype: "bfloat16",
  } as const;
  const { value } = dsInference.place(dsInferenceSpec(), context);
  const memory = new PeakMemory(1);
  value?.trace(WORKLOAD, memory);
  assert.equal(memory.peak(HOST, ["load"]).byCategory.weights, 1000 * 64 * 2);
});

Deno.test("the session starts one process per rank and has no configuration", () => {
  const context = strategyContext({ use: "ds-inference" });
  const launch = dsInference.launch(dsInferenceSpec(), context, place({ tensorParallel: 1 }));
  assert.ok(launch.argv.includes("{workers}/ds_inference_worker.py"));
  assert.equal(launch.deepspeedConfig, undefined);
});

Deno.test("on the device a tied head is cloned whole before it is cut", () => {
  const recorder = new Recorder();
  const before = { deviceCount: 4, weights: "on-device", stack: { deepspeed: "0.14.0" } } as const;
  place({}, before).trace({ ...WORKLOAD, newTokens: 1 }, recorder);
  const clone = recorder.tensors().find(({ name }) => name === "lm_head.weight (clone)");
  assert.equal(clone?.bytes, 1000 * 64 * 2);
  const kept = recorder.tensors().find(({ name }) => name === "lm_head.weight");
  assert.equal(kept?.bytes, 1000 * 64 * 2 / 4);
});
