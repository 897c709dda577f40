import assert from "node:assert/strict";
import type { Peak } from "../../lib/memory/peak.ts";
import { type CauseFacts, deviceCause, hostCause, sameTerms } from "../../lib/plan/causes.ts";
import { SHAPE } from "../strategy/contexts.ts";

const GIB = 2 ** 30;
const PEAK: Peak = {
  bytes: 89 * GIB,
  phase: "decode",
  byCategory: {
    weights: 39 * GIB,
    kv: 48 * GIB,
    activation: GIB / 10,
    workspace: 0,
    context: 1.9 * GIB,
    communication: 0,
  },
  outsideBytes: 1.9 * GIB,
};
const LIMIT = {
  resource: "device:0",
  phase: "decode",
  needBytes: 89 * GIB,
  haveBytes: 79 * GIB,
};

function facts(changes: Partial<CauseFacts> = {}): CauseFacts {
  return {
    use: "accelerate",
    deviceType: "gpu",
    shape: SHAPE,
    behaviours: new Set(),
    ranks: 1,
    devices: 8,
    wholeKvBytes: 24 * GIB,
    scoresBytes: 0,
    hasSdpa: true,
    pinned: false,
    ...changes,
  };
}

Deno.test("a GPU that old libraries send the whole cache to says so, and how often it is there", () => {
  const behaviours = new Set(["kv-cache-to-first-gpu"]);
  const cause = deviceCause(0, PEAK, LIMIT, facts({ behaviours }));
  assert.match(
    cause,
    /^GPU 0 needs 89.0 GiB of 79.0 GiB in decode: KV cache \(of all 4 layers, twice while it is moved; accelerate <0\.20\.0.* returns it to the first GPU\) 48\.0 GiB, weights 39\.0 GiB/,
  );
  assert.doesNotMatch(deviceCause(3, PEAK, LIMIT, facts({ behaviours })), /all 4 layers/);
  assert.doesNotMatch(deviceCause(0, PEAK, LIMIT, facts()), /all 4 layers/);
});

Deno.test("activations that are scores of eager attention say so, and what does without them", () => {
  const peak = { ...PEAK, byCategory: { ...PEAK.byCategory, activation: 40 * GIB } };
  const limit = { ...LIMIT, phase: "prefill" };
  const told = (changes: Partial<CauseFacts>, at = limit) =>
    /activations( \(.*?\))? 40/.exec(deviceCause(0, peak, at, facts(changes)))?.[1];
  assert.equal(
    told({ scoresBytes: 24 * GIB }),
    " (mostly scores of eager attention, which sdpa does without)",
  );
  assert.equal(
    told({ scoresBytes: 24 * GIB, hasSdpa: false }),
    " (mostly scores of eager attention)",
  );
  assert.equal(told({ scoresBytes: 10 * GIB }), undefined);
  assert.equal(told({ scoresBytes: 24 * GIB }, LIMIT), undefined);
});

Deno.test("every rank of ZeRO keeps a whole cache; what it gathers has its own name", () => {
  const peak = { ...PEAK, byCategory: { ...PEAK.byCategory, communication: 7 * GIB } };
  const cause = deviceCause(0, peak, LIMIT, facts({ use: "ds-zero", ranks: 8 }));
  assert.match(cause, /KV cache \(of all 4 layers and heads: ZeRO cuts weights/);
  assert.match(cause, /gathered parameters 7\.00 GiB/);
});

Deno.test("a cache that each step replaces is told as twice", () => {
  const kv = 6 * GIB;
  const peak = { ...PEAK, byCategory: { ...PEAK.byCategory, kv } };
  const twice = deviceCause(0, peak, LIMIT, facts({ use: "ds-inference", ranks: 8 }));
  assert.match(twice, /KV cache \(twice while each step replaces it\)/);
  const half = { ...peak, byCategory: { ...peak.byCategory, kv: kv / 2 } };
  const once = deviceCause(0, half, LIMIT, facts({ use: "ds-inference", ranks: 8 }));
  assert.match(once, /KV cache 3\.00 GiB/);
});

Deno.test("a host tells its ranks, and why each takes what it takes", () => {
  const host = {
    node: 0,
    perRankBytes: 62 * GIB,
    pinnedBytes: 463 * GIB,
    peakBytes: { low: 480 * GIB, mid: 496 * GIB, high: 520 * GIB },
    capacityBytes: 477 * GIB,
  };
  const limit = { resource: "host", phase: "load", needBytes: 496 * GIB, haveBytes: 477 * GIB };
  assert.equal(
    hostCause(host, limit, facts({ use: "ds-zero", ranks: 8, pinned: true })),
    "the host needs 496.0 GiB of 477.0 GiB: 8 ranks with 62.0 GiB each, of it 463.0 GiB pinned " +
      "(pinned buffers are rounded up to powers of two)",
  );
  assert.equal(
    hostCause({ ...host, pinnedBytes: 0 }, limit),
    "the host needs 496.0 GiB of 477.0 GiB: 8 ranks with 62.0 GiB each",
  );
});

Deno.test("causes of devices that are alike differ in nothing but the index", () => {
  const [a, b] = [deviceCause(1, PEAK, LIMIT, facts()), deviceCause(2, PEAK, LIMIT, facts())];
  assert.ok(sameTerms(a, b));
  assert.ok(!sameTerms(a, deviceCause(1, PEAK, { ...LIMIT, needBytes: 99 * GIB }, facts())));
});
