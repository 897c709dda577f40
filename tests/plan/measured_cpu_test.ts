/** Real workers on two cpu devices: peaks of devices and host, as they were measured of a model that outweighs its process. */
import assert from "node:assert/strict";
import fixture from "../../fixtures/measurements/cpu-bloom-121m.json" with { type: "json" };
import { cellOf, planOf } from "./compile_text.ts";

function near(predicted: number, measured: number, tolerance: number, what: string): void {
  const error = predicted / measured - 1;
  assert.ok(Math.abs(error) <= tolerance, `${what}: ${predicted} for ${measured}, ${error}`);
}

Deno.test("the peak of each cpu device is predicted within 7 %, that of the host within 13 %", async () => {
  const plan = await planOf(fixture.pipeline);
  for (const { id, devices, host } of fixture.cells) {
    const { prediction } = cellOf(plan, id);
    for (const [index, measured] of devices.entries()) {
      const { mid, low, high } = prediction.devices[index]?.peakBytes ??
        { mid: 0, low: 0, high: 0 };
      near(mid, measured, 0.07, `${id}, device ${index}`);
      assert.ok(measured > 0.95 * low && measured < 1.05 * high, id);
    }
    near(prediction.hosts[0]?.peakBytes.mid ?? 0, host, 0.13, `${id}, host`);
  }
});
