import assert from "node:assert/strict";
import { allocatorOptions, nearNeed, reservedNeed } from "../../lib/plan/reserved_need.ts";

/** An allocator that fills all it can get, of a workload that fits from `enough` bytes on. */
function allocator(enough: number, wanted = Infinity) {
  const asked: number[] = [];
  return {
    asked,
    within(_batch: number, { deviceBytes }: { deviceBytes: number }) {
      asked.push(deviceBytes);
      const fits = deviceBytes >= enough;
      return {
        loadPeakAllocatedBytes: 0,
        loadPeakReservedBytes: 0,
        peakAllocatedBytes: 0,
        peakReservedBytes: Math.min(deviceBytes, wanted),
        retries: wanted > deviceBytes ? 1 : 0,
        returnedBytes: { prefill: 0, decode: 0 },
        ...(fits ? {} : {
          failure: {
            phase: "decode" as const,
            step: 1,
            segmentBytes: 1,
            reservedBytes: deviceBytes,
          },
        }),
      };
    },
  };
}

const LIMITS = { availableBytes: 100, marginBytes: 4, expandableSegments: false };

Deno.test("what never had to return blocks needs what it reserved", () => {
  const replay = allocator(40, 60);
  assert.equal(reservedNeed(replay, 1, 40, LIMITS).requiredBytes, 60);
  assert.deepEqual(replay.asked, [100]);
});

Deno.test("a full device is no need where half of what is left is enough", () => {
  const replay = allocator(60);
  assert.equal(reservedNeed(replay, 1, 40, LIMITS).requiredBytes, 70);
  assert.deepEqual(replay.asked, [100, 70]);
});

Deno.test("a need between that and the capacity is told by the margin", () => {
  assert.equal(reservedNeed(allocator(80), 1, 40, LIMITS).requiredBytes, 96);
  assert.equal(reservedNeed(allocator(98), 1, 40, LIMITS).requiredBytes, 98);
});

Deno.test("what fails fits with the margin more, or not at all", () => {
  assert.equal(reservedNeed(allocator(103), 1, 40, LIMITS).requiredBytes, 102);
  assert.equal(reservedNeed(allocator(200), 1, 150, LIMITS).requiredBytes, 150);
});

Deno.test("a cap goes to the allocator as one, memory of a device does not", () => {
  const options = { expandableSegments: true };
  assert.deepEqual(allocatorOptions(70, options), { deviceBytes: 70, expandableSegments: true });
  assert.deepEqual(allocatorOptions(70, { ...options, driverBytes: 100 }), {
    deviceBytes: 100,
    allowedBytes: 70,
    expandableSegments: true,
  });
});

Deno.test("one replay tells on which side of the capacity a need lies", () => {
  for (const enough of [20, 60, 97, 99, 100, 101, 103, 150]) {
    for (const wanted of [30, 100, 101, Infinity]) {
      for (const least of [10, 60, 99, 100, 120]) {
        const near = allocator(enough, wanted);
        const { requiredBytes } = nearNeed(near, 1, least, LIMITS);
        assert.deepEqual(near.asked, [100]);
        const exact = reservedNeed(allocator(enough, wanted), 1, least, LIMITS).requiredBytes;
        // Who asks has looked at the tensors before.
        if (least <= 100) assert.equal(requiredBytes > 100, exact > 100, `${enough} ${wanted}`);
      }
    }
  }
});
