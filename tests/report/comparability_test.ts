import assert from "node:assert/strict";
import { disturbances, spreadItem, spreadOf } from "../../lib/report/comparability.ts";
import type { ReportedCell } from "../../lib/report/results_shape.ts";
import { cell, reported } from "./builders.ts";

function timed(batchSize: number, generateSeconds: readonly number[]): ReportedCell {
  const built = reported(cell({ use: "accelerate", batchSize }));
  const { measurement } = built;
  assert.ok(measurement?.time);
  return {
    ...built,
    measurement: { ...measurement, time: { ...measurement.time, generateSeconds } },
  };
}

Deno.test("the spread is what the slowest cycle takes more than the fastest, in parts of the median", () => {
  assert.equal(spreadOf(timed(1, [1, 1.5, 2])), 1 / 1.5);
  assert.equal(spreadOf(timed(1, [1])), null);
  assert.equal(
    spreadOf(reported(cell({ use: "accelerate", batchSize: 1 }), { status: "oom" })),
    null,
  );
});

Deno.test("cells that spread are named, the widest first; where none does the largest spread is told", () => {
  const calm = [timed(1, [1, 1.05, 1.1]), timed(8, [2, 2])];
  assert.equal(
    spreadItem(calm)?.text,
    "spread: timed cycles differ by at most 10% of their median",
  );
  const item = spreadItem([...calm, timed(16, [1, 1, 1.5]), timed(32, [1, 1, 2])]);
  assert.match(item?.text ?? "", /^spread: timed cycles of 2 cells differ by more than 20%/);
  assert.deepEqual(item?.details, [
    "accelerate/batchSize=32: 100%",
    "accelerate/batchSize=16: 50%",
  ]);
  assert.equal(spreadItem([timed(1, [1])]), undefined);
});

const GPU = {
  index: 0,
  utilizationPercent: 0,
  usedBytes: 5 * 2 ** 20,
  smClockMhz: 345,
  maxSmClockMhz: 1980,
  throttleReasons: 1,
};

Deno.test("an idle host disturbs nothing, its clock lowered for want of work included", () => {
  const conditions = { busyCpuFraction: 0.1, gpus: [GPU] };
  assert.deepEqual(disturbances([{ sessionId: "a", conditions }], true), []);
});

Deno.test("cores, a GPU and its memory in use by others, and a slowed clock are told", () => {
  const gpu = { ...GPU, utilizationPercent: 80, usedBytes: 12 * 2 ** 30, throttleReasons: 0x40 };
  const sessions = [{ sessionId: "a", conditions: { busyCpuFraction: 0.5, gpus: [gpu] } }];
  assert.deepEqual(disturbances(sessions, true), [
    "a: 50% of the cores were busy before it started",
    "a: GPU 0 was 80% busy before it started",
    "a: others held 12.0 GiB of GPU 0",
    "a: GPU 0 was slowed to 345 of 1980 MHz",
  ]);
  assert.equal(disturbances(sessions, false).length, 3);
});
