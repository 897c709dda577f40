import assert from "node:assert/strict";
import { PeakMemory } from "../../../lib/memory/peak.ts";
import { parameterCount } from "../../../lib/model/module.ts";
import { dsZero } from "../../../lib/strategy/ds_zero/mod.ts";
import { HOST } from "../../../lib/trace/trace.ts";
import { Recorder } from "../../trace/recorder.ts";
import { dsZeroSpec, strategyContext } from "../contexts.ts";

const WORKLOAD = { batchSize: 1, promptTokens: 4, newTokens: 3 };

function place(
  changes: Parameters<typeof dsZeroSpec>[0] = {},
  hardware: Parameters<typeof strategyContext>[0] = {},
) {
  const context = strategyContext({ use: "ds-zero", ...hardware });
  const { value } = dsZero.place(dsZeroSpec(changes), context);
  assert.ok(value);
  return value;
}

function trace(...parameters: Parameters<typeof place>): Recorder {
  const recorder = new Recorder();
  place(...parameters).trace(WORKLOAD, recorder);
  return recorder;
}

Deno.test("every rank is a stream and reads the whole checkpoint", () => {
  const { worldSize, streams, devices, checkpointReadBytes } = place({}, { deviceCount: 4 });
  assert.deepEqual([worldSize, streams, devices.length], [4, 4, 4]);
  assert.equal(checkpointReadBytes, 4 * 2 * parameterCount(strategyContext().root));
});

Deno.test("a parameter is made whole before its part is kept, so loading peaks at the largest", () => {
  const memory = new PeakMemory(1);
  place({}, { deviceCount: 4 }).trace(WORKLOAD, memory);
  const wholeBytes = 2 * parameterCount(strategyContext().root);
  const { weights } = memory.peak(0, ["load"]).byCategory;
  // The tied head has a part of its own until the model ties it.
  assert.equal(weights, (wholeBytes + 1000 * 64 * 2) / 4 + 1000 * 64 * 2);
  assert.equal(memory.peak(0, ["decode"]).byCategory.weights, wholeBytes / 4);
});

Deno.test("each module gathers its weights and drops them, when nothing is gathered ahead", () => {
  const config = { zero_optimization: { stage3_prefetch_bucket_size: 0 } };
  const recorder = trace({ config });
  assert.ok(![...recorder.live.values()].some(({ category }) => category === "communication"));
  const prefill = recorder.tensors().slice(
    recorder.tensors().findIndex(({ name }) => name === "input_ids"),
  );
  // Weight and bias come in one buffer, out of which each is copied.
  const up = "transformer.h.0.mlp.dense_h_to_4h";
  const at = prefill.findIndex(({ name }) => name === `${up}.weight (gathered)`);
  assert.deepEqual(
    prefill.slice(at - 1, at + 2).map(({ name, bytes }) => [name, bytes]),
    [
      ["gathered together", (64 * 256 + 256) * 2],
      [`${up}.weight (gathered)`, 64 * 256 * 2],
      [`${up}.bias (gathered)`, 256 * 2],
    ],
  );
});

Deno.test("the prompt gathers ahead like later passes: a generation came before", () => {
  const memory = new PeakMemory(1);
  place().trace(WORKLOAD, memory);
  const [prefill, decode] = (["prefill", "decode"] as const).map((phase) =>
    memory.peak(0, [phase]).byCategory.communication
  );
  // More than the largest module needs alone.
  assert.ok((prefill ?? 0) > 2 * 1000 * 64 * 2);
  assert.equal(prefill, decode);
});

Deno.test("a gather brings the parts of the other ranks over the link of the devices", () => {
  const gather = trace({}, { deviceCount: 4 }).operations().find(({ name }) =>
    name === "all_gather"
  );
  assert.equal(gather?.link, "device");
  assert.equal(gather?.linkBytes, (gather?.bytes ?? 0) * 3 / 4);
});

Deno.test("the tied head gathers the embedding once more, unless that is used again soon", () => {
  function gathers(maxReuse: number): number {
    const config = { zero_optimization: { stage3_max_reuse_distance: maxReuse } };
    const tensors = trace({ config }).tensors();
    const start = tensors.findIndex(({ name }) => name === "input_ids");
    return tensors.slice(start).filter(({ name }) =>
      /word_embeddings.weight \(gathered\)/.test(name)
    )
      .length;
  }
  assert.equal(gathers(1e9), 3);
  assert.equal(gathers(1000), 2 * 3);
});

Deno.test("one rank without offload holds its parameters whole and gathers nothing", () => {
  const names = trace({}, { deviceCount: 1 }).operations().map(({ name }) => name);
  assert.ok(!names.includes("all_gather"));
});

Deno.test("offloaded weights are in host memory and come over the host's link", () => {
  const recorder = trace({ offload: "cpu", pinMemory: false }, { deviceCount: 1 });
  const host = recorder.tensors().filter(({ device, category }) =>
    device === HOST && category === "weights"
  );
  const headBytes = 1000 * 64 * 2;
  assert.equal(
    host.reduce((sum, { bytes }) => sum + bytes, 0),
    2 * parameterCount(strategyContext().root) + headBytes,
  );
  const gather = recorder.operations().find(({ name }) => name === "all_gather");
  assert.equal(gather?.link, "host");
});

Deno.test("the session starts with the DeepSpeed launcher and its configuration", () => {
  const context = strategyContext({ use: "ds-zero" });
  const launch = dsZero.launch(dsZeroSpec(), context, place());
  assert.ok(launch.argv.includes("{workers}/ds_zero_worker.py"));
  assert.equal(launch.env["HF_HUB_OFFLINE"], "1");
  assert.equal(launch.deepspeedConfig?.["train_batch_size"], 2);
});

Deno.test("gathered parameters are lent where several ranks gather on a stream of their own", () => {
  const lentOf = (...parameters: Parameters<typeof place>) => place(...parameters).lent;
  const ranks = { deviceCount: 4 };
  const wholeBytes = 2 * parameterCount(strategyContext().root);
  const embedding = 2 * 1000 * 64;
  assert.deepEqual(lentOf({}, ranks), { largest: embedding, others: wholeBytes - embedding });
  // The host waits for copies of offloaded ones: they come back no sooner than is told.
  assert.equal(lentOf({ offload: "cpu" }, ranks)?.largest, 0);
  assert.equal(lentOf({}, { deviceCount: 1 }), undefined);
  assert.equal(
    lentOf({ config: { zero_optimization: { overlap_comm: false } } }, ranks),
    undefined,
  );
});
