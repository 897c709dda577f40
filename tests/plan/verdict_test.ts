import assert from "node:assert/strict";
import type { DevicePrediction, HostPrediction, Interval } from "../../lib/plan/prediction.ts";
import type { Need } from "../../lib/plan/predict_memory.ts";
import { judge } from "../../lib/plan/verdict.ts";

const GIB = 2 ** 30;
const CATEGORIES = {
  weights: 60 * GIB,
  kv: 8 * GIB,
  activation: GIB / 100,
  workspace: 0,
  context: GIB,
  communication: 0,
};

function device(index: number, peakBytes: Interval, capacityBytes: number | null) {
  return {
    index,
    node: 0,
    weightsBytes: CATEGORIES.weights,
    kvBytes: CATEGORIES.kv,
    activationBytes: CATEGORIES.activation,
    workspaceBytes: 0,
    contextBytes: CATEGORIES.context,
    communicationBytes: 0,
    loadPeakAllocatedBytes: null,
    peakAllocatedBytes: null,
    peakReservedBytes: null,
    allocatorRetries: null,
    peakBytes,
    required: peakBytes,
    returnedBytes: { prefill: 0, decode: 0 },
    capacityBytes,
    peak: { bytes: 69 * GIB, phase: "decode", byCategory: CATEGORIES, outsideBytes: 0 },
  } as const satisfies DevicePrediction & Need["devices"][number];
}

function host(bytes: number, capacityBytes: number | null): HostPrediction {
  const peakBytes = { low: 0.9 * bytes, mid: bytes, high: 1.1 * bytes };
  return { node: 0, perRankBytes: bytes / 8, pinnedBytes: 0, peakBytes, capacityBytes };
}

const NEED = { low: 68 * GIB, mid: 71 * GIB, high: 78 * GIB };

function verdictAt(capacityGib: number): string {
  return judge({ devices: [device(0, NEED, capacityGib * GIB)], hosts: [] }).verdict;
}

Deno.test("a need whose interval lies below the capacity fits, above it does not, else it is tight", () => {
  assert.equal(verdictAt(78.1), "fits");
  assert.equal(verdictAt(77.9), "tight");
  assert.equal(verdictAt(71), "tight");
  assert.equal(verdictAt(68.1), "tight");
  assert.equal(verdictAt(67.9), "oom");
});

Deno.test("what has no known capacity is not judged", () => {
  assert.deepEqual(judge({ devices: [device(0, NEED, null)], hosts: [host(1e15, null)] }), {
    verdict: "fits",
    oomProbability: 0,
    limit: null,
    causes: [],
  });
});

Deno.test("the limit is the resource that is fullest for its capacity", () => {
  const { limit } = judge({
    devices: [device(0, NEED, 200 * GIB), device(1, NEED, 100 * GIB)],
    hosts: [host(50 * GIB, 100 * GIB)],
  });
  assert.deepEqual(limit, {
    resource: "device:1",
    phase: "decode",
    needBytes: 71 * GIB,
    haveBytes: 100 * GIB,
  });
  const byHost = judge({
    devices: [device(0, NEED, 200 * GIB)],
    hosts: [host(90 * GIB, 100 * GIB)],
  });
  assert.equal(byHost.limit?.resource, "host");
});

Deno.test("the worst resource decides", () => {
  const { verdict, oomProbability } = judge({
    devices: [device(0, NEED, 200 * GIB)],
    hosts: [host(200 * GIB, 100 * GIB)],
  });
  assert.equal(verdict, "oom");
  assert.equal(oomProbability, 1);
});

Deno.test("a cause names its terms, the heaviest first, which add up to the need", () => {
  const { causes } = judge({
    devices: [device(0, NEED, 70 * GIB)],
    hosts: [host(800 * GIB, 100 * GIB)],
  });
  assert.deepEqual(causes, [
    "the host needs 800.0 GiB of 100.0 GiB: 8 ranks with 100.0 GiB each",
    "device 0 needs 71.0 GiB of 70.0 GiB in decode: weights 60.0 GiB, KV cache 8.00 GiB, " +
    "held by the allocator beyond them 2.00 GiB, context and libraries 1.00 GiB",
  ]);
});

Deno.test("devices that are alike have one cause, others their own", () => {
  const full = device(0, NEED, 70 * GIB);
  const alike = [0, 1, 2].map((index) => ({ ...full, index }));
  assert.equal(judge({ devices: alike, hosts: [] }).causes.length, 1);
  const other = device(3, { ...NEED, mid: 72 * GIB }, 70 * GIB);
  assert.equal(judge({ devices: [...alike, other], hosts: [] }).causes.length, 2);
});

Deno.test("a cell that fits has no causes", () => {
  assert.deepEqual(judge({ devices: [device(0, NEED, 100 * GIB)], hosts: [] }).causes, []);
});
