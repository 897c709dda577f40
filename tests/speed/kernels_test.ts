/** Passes against the kernels that one H100 ran for them: nothing of the host, of loading or of the loop is in either. */
import assert from "node:assert/strict";
import { speedCalibration } from "../../lib/catalog/speed_calibration.ts";
import { findDevice } from "../../lib/catalog/devices.ts";
import { findFamily } from "../../lib/model/registry.ts";
import { runtimeOf } from "../../lib/model/runtime.ts";
import { Clock } from "../../lib/speed/clock.ts";
import { ratesOf } from "../../lib/speed/rates.ts";
import { notingExecution, pass, torchOn } from "../model/shapes.ts";

type Kernel = readonly [name: string, calls: number, milliseconds: number];

interface Measured {
  readonly shape: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly attention: "eager" | "sdpa";
  readonly batch: number;
  readonly tokens: number;
  readonly first: readonly Kernel[];
  readonly step: readonly Kernel[];
}

const PASSES: readonly Measured[] = Deno.readTextFileSync(
  new URL("../../fixtures/measurements/h100-kernels.jsonl", import.meta.url),
).trim().split("\n").map((line) => JSON.parse(line) as Measured);

const STACK = {
  name: "h100",
  versions: { torch: "2.11.0", transformers: "5.17.0", accelerate: "1.15.0" },
  runnable: false,
};

/** Milliseconds on the device of the first pass and of a step. */
function predicted(
  { config, attention, batch, tokens }: Measured,
): { first: number; step: number } {
  const device = findDevice("H100-SXM5-80GB");
  const family = findFamily(String(config["model_type"]));
  const shape = family?.shape(config).value;
  assert.ok(device && family && shape);
  const facts = speedCalibration(device, STACK, "accelerate");
  const rates = {
    ...ratesOf({ device, nodes: 1, deviceCount: 1 }, facts, {
      dtype: "bfloat16",
      modules: 0,
      parameters: 0,
      pinned: false,
      graph: false,
    }),
    launchSeconds: 0,
    decodeLaunchSeconds: 0,
    stepSeconds: 0,
    generateSeconds: 0,
  };
  const clock = new Clock(rates);
  const torch = torchOn(clock, runtimeOf({ dtype: "bfloat16", attention }, device, STACK));
  const { execution } = notingExecution();
  const first = pass({ batch, query: tokens });
  clock.beginPhase("prefill");
  family.forward({ torch, shape, pass: first, execution });
  clock.beginPhase("decode");
  family.forward({ torch, shape, execution, pass: { ...first, query: 1, past: tokens + 3 } });
  return { first: 1000 * clock.span("prefill").mid, step: 1000 * clock.span("decode").mid };
}

function total(kernels: readonly Kernel[]): number {
  return kernels.reduce((sum, [, , milliseconds]) => sum + milliseconds, 0);
}

Deno.test("first passes of five families take the device as long as told, to 8 %, and steps to 40 %", async (t) => {
  assert.equal(PASSES.length, 30);
  const errors: number[] = [];
  for (const measured of PASSES) {
    const { shape, attention, batch, tokens } = measured;
    await t.step(`${shape} ${attention} ${batch} x ${tokens}`, () => {
      const { first, step } = predicted(measured);
      const off = total(measured.first) / first - 1;
      assert.ok(Math.abs(off) < 0.08, `first pass: ${(100 * off).toFixed(1)} %`);
      const stepOff = total(measured.step) / step - 1;
      assert.ok(Math.abs(stepOff) < 0.4, `step: ${(100 * stepOff).toFixed(1)} %`);
      errors.push(Math.abs(stepOff));
    });
  }
  const median = errors.sort((a, b) => a - b)[15] ?? 1;
  assert.ok(median < 0.08, `half of the steps are off by more than ${(100 * median).toFixed(1)} %`);
});
