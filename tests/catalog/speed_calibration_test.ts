import assert from "node:assert/strict";
import { calibrationFile, speedCalibration } from "../../lib/catalog/speed_calibration.ts";
import { deviceFacts } from "../../lib/catalog/devices.ts";
import type { Stack } from "../../lib/catalog/types.ts";

function stack(torch: string): Stack {
  return { name: "x", versions: { torch }, runnable: true };
}

function numbersIn(value: unknown): unknown[] {
  if (typeof value !== "object" || value === null) return [value];
  return Object.values(value).flatMap(numbersIn);
}

Deno.test("every device of the catalog has every constant, each a positive number or none", () => {
  for (const { kind } of deviceFacts()) {
    for (const use of ["accelerate", "ds-inference", "ds-zero"] as const) {
      const { measuredOn: _, ...facts } = speedCalibration({ kind }, stack("2.11.0"), use);
      const numbers = numbersIn(facts);
      assert.equal(numbers.length, 36);
      for (const number of numbers) assert.ok(Number.isFinite(number) && Number(number) >= 0, kind);
    }
  }
});

Deno.test("a kind that nobody measured takes the data sheet's constants, with a wider interval", () => {
  const known = speedCalibration({ kind: "H100-SXM5-80GB" }, stack("2.11.0"), "accelerate");
  const unknown = speedCalibration({ kind: "MyGPU" }, stack("2.11.0"), "accelerate");
  assert.equal(known.measuredOn, "H100-SXM5-80GB");
  assert.equal(unknown.measuredOn, "gpu");
  assert.ok(unknown.spread.device > known.spread.device);
});

Deno.test("a kind may be based on another, and an old stack has constants of its own", () => {
  const h100 = speedCalibration({ kind: "H100-SXM5-80GB" }, stack("2.11.0"), "accelerate");
  const h200 = speedCalibration({ kind: "H200-SXM5-141GB" }, stack("2.11.0"), "accelerate");
  assert.equal(h200.copyEfficiency, h100.copyEfficiency);
  assert.ok(h200.spread.device > h100.spread.device);
  const now = speedCalibration({ kind: "A100-SXM4-80GB" }, stack("2.11.0"), "accelerate");
  const then = speedCalibration({ kind: "A100-SXM4-80GB" }, stack("1.12.0"), "accelerate");
  assert.notEqual(now.readBytesPerSecond, then.readBytesPerSecond);
});

Deno.test("a calibration of one's own replaces the one that ships, for its kind alone", () => {
  const shipped = calibrationFile("H100-SXM5-80GB");
  assert.ok(shipped);
  const constants = { copyEfficiency: { value: 0.5, source: "mine" } };
  const own = { ...shipped, constants };
  const h100 = speedCalibration({ kind: "H100-SXM5-80GB" }, stack("2.11.0"), "accelerate", own);
  assert.equal(h100.copyEfficiency, 0.5);
  const a100 = speedCalibration({ kind: "A100-SXM4-80GB" }, stack("2.11.0"), "accelerate", own);
  assert.notEqual(a100.copyEfficiency, 0.5);
});
