import assert from "node:assert/strict";
import { type Rates, Roofline } from "../../lib/speed/roofline.ts";

const RATES: Rates = {
  memoryBytesPerSecond: 100,
  flopsPerSecond: 1000,
  launchSeconds: 0.5,
  deviceLinkBytesPerSecond: 10,
  hostLinkBytesPerSecond: 5,
  diskBytesPerSecond: 2,
  linkLatencySeconds: 0.25,
};

const NOTHING = { device: 0, name: "op", flops: 0, bytes: 0, launches: 0 };

function secondsOf(operation: Partial<Parameters<Roofline["run"]>[0]>): number {
  const speed = new Roofline(RATES);
  speed.beginPhase("prefill", 0);
  speed.run({ ...NOTHING, ...operation });
  return speed.seconds("prefill");
}

Deno.test("an operation takes as long as its slowest term", () => {
  assert.equal(secondsOf({ bytes: 300 }), 3);
  assert.equal(secondsOf({ flops: 2000 }), 2);
  assert.equal(secondsOf({ launches: 2 }), 1);
  assert.equal(secondsOf({ bytes: 300, flops: 2000, launches: 2 }), 3);
  assert.equal(secondsOf({}), 0);
});

Deno.test("what crosses a link pays its latency and its rate", () => {
  assert.equal(secondsOf({ link: "device", linkBytes: 20 }), 2.25);
  assert.equal(secondsOf({ link: "host", linkBytes: 20 }), 4.25);
  assert.equal(secondsOf({ link: "disk", linkBytes: 20 }), 10.25);
  assert.equal(secondsOf({ link: "device" }), 0);
});

Deno.test("operations of a phase add up, whatever device they run on", () => {
  const speed = new Roofline(RATES);
  speed.beginPhase("prefill", 0);
  speed.run({ ...NOTHING, bytes: 100, device: 0 });
  speed.run({ ...NOTHING, flops: 2000, device: 1 });
  assert.equal(speed.seconds("prefill"), 3);
  assert.equal(speed.seconds("decode"), 0);
});

Deno.test("a decode step takes the mean of the steps that were written", () => {
  const speed = new Roofline(RATES);
  speed.beginPhase("decode", 1);
  speed.run({ ...NOTHING, bytes: 100 });
  speed.beginPhase("decode", 99);
  speed.run({ ...NOTHING, bytes: 300 });
  assert.equal(speed.seconds("decode"), 2);
});
