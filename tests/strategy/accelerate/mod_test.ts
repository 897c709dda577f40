import assert from "node:assert/strict";
import { PeakMemory } from "../../../lib/memory/peak.ts";
import { parameterCount } from "../../../lib/model/module.ts";
import { accelerate } from "../../../lib/strategy/accelerate/mod.ts";
import { HOST } from "../../../lib/trace/trace.ts";
import { Recorder } from "../../trace/recorder.ts";
import { accelerateSpec, CPU, strategyContext } from "../contexts.ts";

const WORKLOAD = { batchSize: 2, promptTokens: 4, newTokens: 3 };
const WHOLE_BYTES = 2 * parameterCount(strategyContext().root);

function place(
  changes: Parameters<typeof accelerateSpec>[0] = {},
  hardware: Parameters<typeof strategyContext>[0] = {},
) {
  const { value, diagnostics } = accelerate.place(
    accelerateSpec(changes),
    strategyContext(hardware),
  );
  assert.ok(value, JSON.stringify(diagnostics));
  return value;
}

function record(...parameters: Parameters<typeof place>): Recorder {
  const recorder = new Recorder();
  place(...parameters).trace(WORKLOAD, recorder);
  return recorder;
}

/** Names of the devices of a node's only process. */
const HALF = {
  "transformer.word_embeddings": 0,
  "lm_head": 0,
  "transformer.word_embeddings_layernorm": 0,
  "transformer.h.0": 0,
  "transformer.h.1": 0,
  "transformer.h.2": "cuda:1",
  "transformer.h.3": 1,
  "transformer.ln_f": 1,
};

Deno.test("one process serves one stream on all devices and reads the checkpoint once", () => {
  const { worldSize, streams, devices, checkpointReadBytes } = place({}, { deviceCount: 4 });
  assert.deepEqual([worldSize, streams], [1, 1]);
  assert.deepEqual(devices.map(({ traced }) => traced), [0, 1, 2, 3]);
  assert.equal(checkpointReadBytes, WHOLE_BYTES);
});

Deno.test("all weights are somewhere, once", () => {
  for (const deviceMap of ["auto", "balanced_low_0", "sequential", HALF] as const) {
    const memory = new PeakMemory(1);
    place({ deviceMap }).trace(WORKLOAD, memory);
    const weights = [0, 1, HOST].map((device) => memory.peakOf(device, "weights"));
    assert.equal(weights.reduce((a, b) => a + b), WHOLE_BYTES);
  }
});

Deno.test("layers keep their cache where they are, and inputs cross at the border", () => {
  const recorder = record({ deviceMap: HALF });
  const kv = recorder.tensors().filter(({ category }) => category === "kv").slice(0, 8);
  assert.deepEqual(kv.map(({ device }) => device), [0, 0, 0, 0, 1, 1, 1, 1]);
  const sends = recorder.operations().filter(({ name }) => name === "send_to_device");
  // Prefill and two decode steps: the hidden states once to device 1 and once back to the head, ALiBi and mask to each
  // of its two layers, because the model's loop holds only the originals.
  const pass = [1, 1, 1, 1, 1, 0];
  assert.deepEqual(sends.map(({ device }) => device), [...pass, ...pass, ...pass]);
  assert.equal(sends[0]?.linkBytes, 2 * 4 * 64 * 2);
});

Deno.test("weights on the host visit the GPU for each use and leave nothing behind", () => {
  const recorder = record({ deviceMap: { ...HALF, "transformer.h.1": "cpu" } });
  const loads = recorder.operations().filter(({ name }) => name === "load_offloaded");
  assert.equal(loads.length, 3 * 6);
  assert.ok(loads.every(({ link, device }) => link === "host" && device === 0));
  assert.ok(![...recorder.live.values()].some(({ name }) => name.endsWith("(offloaded)")));
});

Deno.test("weights on the disk need a folder, take no memory and come over the disk's link", () => {
  const deviceMap = { ...HALF, "transformer.h.1": "disk" };
  const refused = accelerate.place(accelerateSpec({ deviceMap }), strategyContext());
  assert.deepEqual(refused.diagnostics.map(({ code, path }) => [code, path]), [
    ["STW305", ["offloadFolder"]],
  ]);
  const recorder = record({ deviceMap, offloadFolder: "/disk" });
  const load = recorder.operations().find(({ name }) => name === "load_offloaded");
  assert.equal(load?.link, "disk");
});

Deno.test("a cpu device holds everything in its process", () => {
  const { devices } = place({}, { device: CPU, deviceCount: 2 });
  assert.equal(devices.length, 1);
  const memory = new PeakMemory(1);
  place({}, { device: CPU }).trace(WORKLOAD, memory);
  assert.equal(memory.peakOf(0, "weights"), WHOLE_BYTES);
  assert.equal(memory.peak(HOST).bytes, 0);
});

Deno.test("a device map does not span nodes", () => {
  const { value, diagnostics } = accelerate.place(accelerateSpec(), strategyContext({ nodes: 2 }));
  assert.equal(value, undefined);
  assert.deepEqual(diagnostics.map(({ code }) => code), ["STW309"]);
});

Deno.test("a map that names only the root places everything there", () => {
  const memory = new PeakMemory(1);
  place({ deviceMap: { "": 1 } }).trace(WORKLOAD, memory);
  assert.equal(memory.peakOf(1, "weights"), WHOLE_BYTES);
  assert.equal(memory.peakOf(0, "kv"), 0);
});

Deno.test("a map for the host alone runs there, and copies no weights to a GPU", () => {
  const recorder = record({ deviceMap: { "": "cpu" } });
  const used = recorder.tensors().filter(({ category }) => category !== "context");
  assert.deepEqual([...new Set(used.map(({ device }) => device))], [HOST]);
  assert.ok(!recorder.operations().some(({ name }) => name === "load_offloaded"));
});

Deno.test("offloaded modules run on the first GPU that the map names", () => {
  const deviceMap = { ...HALF, "transformer.word_embeddings": 1, "transformer.h.0": "cpu" };
  const load = record({ deviceMap }).operations().find(({ name }) => name === "load_offloaded");
  assert.equal(load?.device, 1);
});

function problems(changes: Parameters<typeof accelerateSpec>[0]) {
  const { value, diagnostics } = accelerate.place(accelerateSpec(changes), strategyContext());
  assert.equal(value, undefined);
  return diagnostics.map(({ code, message, path }) => [code, message, path]);
}

Deno.test("a device that is not there is refused, in a map and in maxMemory", () => {
  assert.deepEqual(problems({ deviceMap: { "": 7 } }), [
    ["STW313", "The hardware has no device 7: it has 2, counted from 0", ["deviceMap"]],
  ]);
  assert.deepEqual(problems({ maxMemory: { "1": 1e9, "2": 1e9 } }), [
    ["STW313", "The hardware has no device 2: it has 2, counted from 0", ["maxMemory"]],
  ]);
});

Deno.test("a map must place every weight, the tied head too", () => {
  const { lm_head: _head, "transformer.ln_f": _norm, ...rest } = HALF;
  assert.deepEqual(problems({ deviceMap: { transformer: 0 } }), [
    ["STW314", 'The device map has no place for "lm_head"', ["deviceMap"]],
  ]);
  assert.deepEqual(problems({ deviceMap: rest }), [
    ["STW314", 'The device map has no place for "transformer.ln_f" and 1 more', ["deviceMap"]],
  ]);
});

Deno.test("the session starts one plain process", () => {
  const launch = accelerate.launch(accelerateSpec(), strategyContext(), place());
  assert.deepEqual(launch.argv, [
    "{python}",
    "{workers}/accelerate_worker.py",
    "{session}/request.json",
  ]);
  assert.equal(launch.deepspeedConfig, undefined);
});
