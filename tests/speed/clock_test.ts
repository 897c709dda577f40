import assert from "node:assert/strict";
import fc from "fast-check";
import { Clock } from "../../lib/speed/clock.ts";
import type { Rates } from "../../lib/speed/rates.ts";
import type { Operation } from "../../lib/trace/trace.ts";

const RATES: Rates = {
  copyBytesPerSecond: 100,
  placeSeconds: 0.5,
  weightBytesPerSecond: 50,
  flopsPerSecond: 1000,
  singleQueryBytesPerSecond: 40,
  replayedAttentionBytesPerSecond: 8e11,
  replayedGroupedAttentionBytesPerSecond: 4e11,
  replayedUnfusedAttentionBytesPerSecond: 2e11,
  replayedKernelSeconds: 0,
  kernelSeconds: 0,
  hostIsDevice: false,
  launchSeconds: 0.5,
  decodeLaunchSeconds: 0.5,
  collectiveSeconds: 0,
  hookSeconds: 0,
  stepSeconds: 0,
  generateSeconds: 0,
  deviceLinkBytesPerSecond: 10,
  hostLinkBytesPerSecond: 5,
  hostCopyBytesPerSecond: 8,
  diskBytesPerSecond: 2,
  linkLatencySeconds: 0.25,
  spread: { host: 2, device: 1.25, decode: 1.25 },
};

const NOTHING: Operation = { device: 0, name: "op", flops: 0, bytes: 0, launches: 0 };

function clockOf(operations: readonly Partial<Operation>[], rates: Partial<Rates> = {}): Clock {
  const clock = new Clock({ ...RATES, ...rates });
  clock.beginPhase("prefill");
  for (const operation of operations) clock.run({ ...NOTHING, ...operation });
  return clock;
}

function secondsOf(operation: Partial<Operation>, rates: Partial<Rates> = {}): number {
  return clockOf([operation], rates).span("prefill").mid;
}

Deno.test("an operation takes as long as its slowest term", () => {
  assert.equal(secondsOf({ bytes: 300 }), 3);
  assert.equal(secondsOf({ flops: 2000 }), 2);
  assert.equal(secondsOf({ bytes: 300, flops: 2000 }), 6, "products read at the rate of weights");
  assert.equal(secondsOf({ bytes: 300, flops: 20000 }), 20);
  assert.equal(secondsOf({ bytes: 300, flops: 2000, kind: "bytes" }), 3);
  assert.equal(secondsOf({ bytes: 300, flops: 4, kind: "indexed" }), 3);
  assert.equal(secondsOf({ bytes: 300, flops: 8, kind: "indexed" }), 4, "half a second each");
  assert.equal(secondsOf({ launches: 4 }, { kernelSeconds: 2 }), 10, "2 s until it is prepared");
  assert.equal(secondsOf({}), 0);
});

Deno.test("a copy that the host waits for is time of the host, and the device computes beside it", () => {
  const copy = { link: "host", linkBytes: 16, isAwaited: true } as const;
  const kernel = { bytes: 100, launches: 1 };
  assert.equal(clockOf([copy, kernel]).span("prefill").mid, 3.75, "at the rate of plain copies");
  // The host: 0.5 s, a copy of 2.25 s, 0.5 s; the first kernel is done by then, the second follows.
  assert.equal(clockOf([kernel, copy, kernel]).span("prefill").mid, 4.25);
  const { isAwaited: _, ...plain } = copy;
  assert.equal(clockOf([kernel, plain, kernel]).span("prefill").mid, 0.5 + 1 + 3.45 + 1);
});

Deno.test("attention of one query token reads at a rate of its own", () => {
  // The intensity tells one query token from several.
  assert.equal(secondsOf({ kind: "attention", flops: 128, bytes: 128 }), 3.2);
  assert.equal(secondsOf({ kind: "attention", flops: 128, bytes: 16 }), 0.16);
});

Deno.test("what crosses a link pays its latency and its rate", () => {
  assert.equal(secondsOf({ link: "device", linkBytes: 20 }), 2.25);
  assert.equal(secondsOf({ link: "host", linkBytes: 20 }), 4.25);
  assert.equal(secondsOf({ link: "disk", linkBytes: 20 }), 10.25);
  assert.equal(secondsOf({ link: "device" }), 0);
});

Deno.test("the host prepares kernels while the device works", () => {
  // The device starts at 0.5 s and works for 3 s; the second kernel is ready long before.
  const busy = [{ bytes: 100, launches: 1 }, { bytes: 200, launches: 1 }];
  assert.equal(clockOf(busy).span("prefill").mid, 3.5);
  // Work of 0.1 s each: the last kernel starts when it is prepared, at 1.5 s.
  const idle = Array.from({ length: 3 }, () => ({ bytes: 10, launches: 1 }));
  assert.ok(Math.abs(clockOf(idle).span("prefill").mid - 1.6) < 1e-12);
  // A host that computes itself does one thing at a time.
  assert.ok(Math.abs(clockOf(idle, { hostIsDevice: true }).span("prefill").mid - 1.8) < 1e-12);
});

Deno.test("hooks add to the host's time, a step's own time is never hidden", () => {
  const busy = [{ bytes: 300, launches: 1 }];
  assert.equal(clockOf(busy, { hookSeconds: 1 }).span("prefill").mid, 3.5);
  assert.equal(clockOf(busy, { hookSeconds: 5 }).span("prefill").mid, 5.5);
  assert.equal(clockOf(busy, { stepSeconds: 1 }).span("prefill").mid, 4.5);
});

Deno.test("the bound is what takes most of the time", () => {
  assert.equal(clockOf([{ bytes: 10, launches: 1 }]).bound("prefill"), "launches");
  assert.equal(clockOf([{ bytes: 90, launches: 1 }]).bound("prefill"), "launches", "a slow host");
  assert.equal(clockOf([{ bytes: 500, launches: 1 }]).bound("prefill"), "memory");
  assert.equal(clockOf([{ flops: 9000, launches: 1 }]).bound("prefill"), "compute");
  assert.equal(clockOf([{ link: "host", linkBytes: 90, launches: 1 }]).bound("prefill"), "links");
});

Deno.test("a graph of kernels is launched as one: its decode steps wait for the device alone", () => {
  const clock = new Clock({ ...RATES, decodeLaunchSeconds: 0 });
  for (const phase of ["prefill", "decode"] as const) {
    clock.beginPhase(phase);
    for (let count = 0; count < 4; count++) clock.run({ ...NOTHING, bytes: 10, launches: 1 });
  }
  assert.ok(Math.abs(clock.span("prefill").mid - 2.1) < 1e-12);
  assert.ok(Math.abs(clock.span("decode").mid - 0.4) < 1e-12);
});

Deno.test("a decode step takes the mean of the steps that were written", () => {
  const clock = new Clock(RATES);
  clock.beginPhase("decode");
  clock.run({ ...NOTHING, bytes: 100 });
  clock.beginPhase("decode");
  clock.run({ ...NOTHING, bytes: 300 });
  assert.equal(clock.span("decode").mid, 2);
  assert.equal(clock.span("prefill").mid, 0);
});

Deno.test("an interval follows what binds: the host's spread or the device's", () => {
  const operation = fc.record({
    bytes: fc.integer({ min: 0, max: 500 }),
    flops: fc.integer({ min: 0, max: 5000 }),
    launches: fc.integer({ min: 0, max: 4 }),
  });
  fc.assert(
    fc.property(fc.array(operation, { minLength: 1, maxLength: 8 }), (operations) => {
      const { low, mid, high } = clockOf(operations).span("prefill");
      assert.ok(low <= mid && mid <= high);
      assert.ok(high <= mid * 2 + 1e-9 && low >= mid / 2 - 1e-9);
    }),
    { seed: 4, numRuns: 200 },
  );
  const device = clockOf([{ bytes: 400 }]).span("prefill");
  assert.deepEqual(device, { low: 3.2, mid: 4, high: 5 });
  const host = clockOf([{ launches: 4 }]).span("prefill");
  assert.deepEqual(host, { low: 1, mid: 2, high: 4 });
});

Deno.test("generate prepares once, before the first pass", () => {
  const clock = clockOf([{ launches: 1 }], { generateSeconds: 3, stepSeconds: 1 });
  clock.beginPhase("decode");
  clock.run({ ...NOTHING, launches: 1 });
  assert.equal(clock.span("prefill").mid, 4.5);
  assert.equal(clock.span("decode").mid, 1.5);
});

Deno.test("steps have a spread of their own, and replayed ones do not wait for the host", () => {
  const clock = clockOf([{ bytes: 1000, launches: 1 }], {
    decodeLaunchSeconds: 0,
    spread: { host: 2, device: 1.25, decode: 2 },
  });
  clock.beginPhase("decode");
  clock.run({ ...NOTHING, bytes: 1000, launches: 1, isReplayed: true });
  assert.equal(clock.span("prefill").high, 13.5, "1 s of a slow host, then the device");
  assert.equal(clock.span("decode").high, 20);
  assert.deepEqual([clock.waitsForHost("prefill"), clock.waitsForHost("decode")], [true, false]);
});

Deno.test("a replayed step without a kernel for attention reads keys and values at a rate of its own", () => {
  const unfused = { kind: "unfused", flops: 8, bytes: 40, isReplayed: true } as const;
  assert.equal(secondsOf(unfused, { replayedUnfusedAttentionBytesPerSecond: 20 }), 2);
});

Deno.test("the host is ahead of what a slow device still has to compute when it has launched it", () => {
  const kernels = [{ bytes: 500, launches: 1 }, { bytes: 300, launches: 1 }];
  // 1 s of launches against 8 s, which a slow device needs 10 s for.
  assert.equal(clockOf(kernels).hostIsAhead("prefill"), 0.9);
  assert.equal(clockOf(kernels, { hookSeconds: 4 }).hostIsAhead("prefill"), 0.5);
  assert.equal(clockOf(kernels, { hookSeconds: 40 }).hostIsAhead("prefill"), 0);
  const gather = { link: "device", linkBytes: 1000 } as const;
  assert.equal(clockOf([...kernels, gather]).hostIsAhead("prefill"), 0.9, "beside the computation");
  const copy = { link: "host", linkBytes: 30, isAwaited: true } as const;
  assert.equal(clockOf([...kernels, copy]).hostIsAhead("prefill"), 0.5, "the host waits for it");
  assert.equal(clockOf(kernels).hostIsAhead("decode"), 0);
});
