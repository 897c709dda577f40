import assert from "node:assert/strict";
import {
  calibrationOfReport,
  type DeviceReport,
  deviceReportSchema,
} from "../../lib/accuracy/device_report.ts";
import { pipelineFor } from "../../lib/accuracy/pipelines.ts";
import { findDevice } from "../../lib/catalog/devices.ts";
import { planContext } from "../../lib/commands/make_plan.ts";
import { predictCells } from "../../lib/plan/predict_cells.ts";

const DEVICE = findDevice("A100-SXM4-80GB");
assert.ok(DEVICE);
const VERSIONS = { torch: "2.11.0", transformers: "5.17.0", accelerate: "1.15.0" };
const CONFIG = { model_type: "bloom", vocab_size: 1024, n_layer: 24, n_head: 4, hidden_size: 256 };

const REPORT: DeviceReport = deviceReportSchema.parse({
  formatVersion: "1.0",
  device: "NVIDIA A100-SXM4-80GB",
  devices: 2,
  versions: { python: "3.12.3", ...VERSIONS },
  imports: { torch: 4, transformers: 8, accelerate: 0.5, deepspeed: 1 },
  launcherSeconds: 3,
  rates: {
    copyBytesPerSecond: 0.9 * DEVICE.bandwidthBytesPerSecond,
    weightReadBytesPerSecond: { "1": 1e12, "8": 0.8 * DEVICE.bandwidthBytesPerSecond },
    flops: { bfloat16: 0.7 * (DEVICE.flops.bfloat16 ?? 0) },
    hostToDevicePinnedBytesPerSecond: 25e9,
    hostToDevicePageableBytesPerSecond: 10e9,
  },
  costs: { kernelSeconds: 1.5e-6 },
  steps: [{ family: "bloom", config: CONFIG, secondsPerStep: 0.03 }],
  collective: {
    world: 2,
    sizes: {
      allReduceSeconds: { "16384": 3e-5, "268435456": 0.002 },
      allGatherSeconds: { "16384": 2e-5, "268435456": 0.0015 },
    },
  },
  seconds: 50,
});

const CONTEXT = planContext(".", { findLargestBatch: false });
const FILE = calibrationOfReport(REPORT, DEVICE, "2026-11-25", CONTEXT);

Deno.test("rates become parts of the data sheet, each with the host that it was measured on", () => {
  const { copyEfficiency, weightReadEfficiency, flopsEfficiency } = FILE.constants;
  assert.ok(Math.abs((copyEfficiency?.value ?? 0) - 0.9) < 1e-12);
  assert.ok(Math.abs((weightReadEfficiency?.value ?? 0) - 0.8) < 1e-12);
  assert.ok(Math.abs((flopsEfficiency?.value ?? 0) - 0.7) < 1e-12);
  assert.match(copyEfficiency?.source ?? "", /2026-11-25: NVIDIA A100-SXM4-80GB, torch 2\.11\.0/);
});

Deno.test("with the cost of a launch that was found, the measured step is predicted", () => {
  const pipeline = pipelineFor("step", {
    model: { name: "step", config: CONFIG, weights: "on-device" },
    hardware: { nodes: 1, devices: { count: 1, kind: DEVICE.kind } },
    stack: { versions: VERSIONS },
  });
  const cell = {
    id: "step",
    strategyIndex: 0,
    axes: {},
    batchSize: 1,
    promptTokens: 8,
    newTokens: 40,
    strategy: {
      use: "accelerate",
      name: "accelerate",
      dtype: "bfloat16",
      attention: "eager",
      cache: "dynamic",
      allocator: "native",
      decode: "eager",
      deviceMap: "auto",
    },
  } as const;
  const { value } = predictCells(pipeline, [cell], { ...CONTEXT, calibrationOf: () => FILE });
  const ms = value?.get("step")?.time?.msPerStep.mid ?? 0;
  assert.ok(Math.abs(ms - 30) < 0.1, `${ms} ms`);
});

Deno.test("the launcher imports twice, and collectives tell how far the links are used", () => {
  const { importSeconds, deviceLinkEfficiency } = FILE.byStrategy;
  assert.deepEqual(importSeconds?.values, {
    accelerate: 12.5,
    "ds-inference": 19.5,
    "ds-zero": 19.5,
  });
  const reached = 268435456 / 0.002 / DEVICE.linkBytesPerSecond;
  assert.ok(Math.abs((deviceLinkEfficiency?.values["ds-inference"] ?? 0) - reached) < 1e-12);
  assert.equal(FILE.constants.linkLatencySeconds?.value, 3e-5);
});

Deno.test("a host with one GPU, or whose collectives failed, says nothing of links", () => {
  for (const collective of [undefined, { error: "exit codes [1, 1]" }]) {
    const report = deviceReportSchema.parse({ ...REPORT, collective });
    const { constants, byStrategy } = calibrationOfReport(report, DEVICE, "2026-11-25", CONTEXT);
    assert.equal(constants.linkLatencySeconds, undefined);
    assert.equal(byStrategy.deviceLinkEfficiency, undefined);
  }
});
