import assert from "node:assert/strict";
import { type EventOf, measure, type RankReport } from "../../lib/run/measure.ts";
import type { MemorySample } from "../../lib/run/protocol.ts";

function memory(device: number, peakBytes: number, anon = 100, shm = 10): MemorySample {
  return {
    devices: [{ device, peakBytes, peakAllocatedBytes: peakBytes - 1, peakReservedBytes: null }],
    peakRssAnonBytes: anon,
    peakRssShmemBytes: shm,
  };
}

function finished(
  rank: number,
  generateSeconds: readonly number[],
  changes: Partial<EventOf<"cell_finished">> = {},
): EventOf<"cell_finished"> {
  return {
    event: "cell_finished",
    rank,
    time: 0,
    cellId: "c",
    memory: memory(0, 50),
    generateSeconds,
    prefillSeconds: generateSeconds.map(() => 0.1),
    captureSeconds: null,
    allocationRetries: null,
    newTokens: 10,
    tokenIds: [1, 2],
    tokensSha256: "aa",
    ...changes,
  };
}

function loaded(rank: number, loadSeconds: number, peakBytes = 40): EventOf<"loaded"> {
  return {
    event: "loaded",
    rank,
    time: 0,
    importSeconds: 1,
    weightsSeconds: loadSeconds - 1,
    loadSeconds,
    memory: memory(0, peakBytes, 300),
  };
}

function report(rank: number, ended: RankReport["ended"], load = loaded(rank, 3)): RankReport {
  return { rank, loaded: load, ended };
}

const CELL = { batchSize: 4, streams: 1, devicesPerNode: 2, versions: {} };

Deno.test("times are the slowest rank's, cycle by cycle, and the median of the cycles", () => {
  const reports = [
    report(0, finished(0, [1.0, 2.0, 9.0]), loaded(0, 3)),
    report(1, finished(1, [1.5, 1.9, 4.0]), loaded(1, 5)),
  ];
  const { time } = measure(reports, CELL);
  assert.deepEqual(time?.generateSeconds, [1.5, 2.0, 9.0]);
  assert.equal(time?.msPerToken, 2000 / (4 * 10));
  assert.equal(time?.tokensPerSecond, 20);
  assert.equal(time?.prefillMs, 100);
  assert.equal(time?.msPerStep, 1900 / 9);
  assert.equal(time?.loadSeconds, 5);
  assert.equal(time?.weightsSeconds, 4);
});

Deno.test("with streams every rank generates tokens of its own", () => {
  const reports = [report(0, finished(0, [1])), report(1, finished(1, [1]))];
  const { time } = measure(reports, { ...CELL, streams: 2 });
  assert.equal(time?.msPerToken, 1000 / (4 * 10 * 2));
  assert.equal(time?.msPerTokenPerStream, 1000 / (4 * 10));
});

Deno.test("a device's peak covers loading; a host's is the sum of its ranks", () => {
  const reports = [0, 1, 2].map((rank) => report(rank, finished(rank, [1]), loaded(rank, 3, 70)));
  const { devices, hosts } = measure(reports, CELL);
  assert.deepEqual(devices.map(({ index, node, peakBytes }) => [index, node, peakBytes]), [
    [0, 0, 70],
    [1, 0, 70],
    [0, 1, 70],
  ]);
  assert.deepEqual(devices[0]?.loadPeakAllocatedBytes, 69);
  assert.deepEqual(devices[0]?.peakAllocatedBytes, 49);
  // 300 resident while loading, and 10 shared.
  assert.deepEqual(hosts, [
    { node: 0, peakBytes: 620, pinnedBytes: 20 },
    { node: 1, peakBytes: 310, pinnedBytes: 10 },
  ]);
});

Deno.test("a single process tells of each of its devices", () => {
  const sample: MemorySample = {
    ...memory(1, 30),
    devices: [0, 1].map((device) => ({
      device,
      peakBytes: 30 + device,
      peakAllocatedBytes: null,
      peakReservedBytes: null,
    })),
  };
  const { devices } = measure([report(0, finished(0, [1], { memory: sample }))], CELL);
  assert.deepEqual(devices.map(({ index, peakBytes }) => [index, peakBytes]), [[0, 40], [1, 31]]);
});

Deno.test("without every rank there is no time; ranks that disagree have no hash", () => {
  const alone = measure([report(0, finished(0, [1])), report(1, undefined)], CELL);
  assert.equal(alone.time, null);
  assert.equal(alone.tokensSha256, null);
  const differing = [
    report(0, finished(0, [1])),
    report(1, finished(1, [1], { tokensSha256: "bb" })),
  ];
  assert.equal(measure(differing, CELL).tokensSha256, null);
});

Deno.test("one new token has no step behind the prefill", () => {
  const { time } = measure([report(0, finished(0, [0.5], { newTokens: 1 }))], CELL);
  assert.equal(time?.msPerStep, 100);
});
