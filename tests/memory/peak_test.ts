import assert from "node:assert/strict";
import fc from "fast-check";
import { PeakMemory } from "../../lib/memory/peak.ts";
import type { Category, Phase } from "../../lib/trace/trace.ts";

function tensor(bytes: number, category: Category = "activation", device = 0) {
  return { device, name: "t", category, bytes };
}

Deno.test("the peak is the largest sum of what is alive at one time", () => {
  const memory = new PeakMemory(1);
  memory.beginPhase("prefill");
  memory.allocate(tensor(100, "weights"));
  const first = memory.allocate(tensor(30));
  memory.free(first);
  const second = memory.allocate(tensor(20));
  memory.allocate(tensor(25, "kv"));
  memory.free(second);
  memory.allocate(tensor(5, "kv"));
  // 100; 130; 100; 120; 145; 125; 130
  const { bytes, phase, byCategory } = memory.peak(0);
  assert.equal(bytes, 145);
  assert.equal(phase, "prefill");
  assert.deepEqual(byCategory, {
    weights: 100,
    kv: 25,
    activation: 20,
    workspace: 0,
    context: 0,
    communication: 0,
  });
});

Deno.test("a block is rounded up to what the allocator hands out", () => {
  const memory = new PeakMemory(512);
  memory.allocate(tensor(1));
  memory.allocate(tensor(512));
  memory.allocate(tensor(513));
  memory.allocate(tensor(0));
  assert.equal(memory.peak(0).bytes, 512 + 512 + 1024);
});

Deno.test("what lives when a phase begins belongs to its peak, what was freed before does not", () => {
  const memory = new PeakMemory(1);
  memory.beginPhase("load");
  const whole = memory.allocate(tensor(70, "weights"));
  memory.allocate(tensor(10, "weights"));
  memory.free(whole);
  memory.beginPhase("prefill");
  assert.equal(memory.peak(0, ["load"]).bytes, 80);
  assert.equal(memory.peak(0, ["prefill"]).bytes, 10);
  assert.equal(memory.peak(0, ["decode"]).bytes, 0);
  assert.equal(memory.peak(0, ["prefill", "load"]).phase, "load");
  assert.equal(memory.peak(0).bytes, 80);
});

Deno.test("a phase that comes again keeps its highest peak", () => {
  const memory = new PeakMemory(1);
  memory.beginPhase("decode");
  const first = memory.allocate(tensor(50));
  memory.free(first);
  memory.beginPhase("decode");
  memory.allocate(tensor(20));
  assert.equal(memory.peak(0, ["decode"]).bytes, 50);
});

Deno.test("devices do not share memory", () => {
  const memory = new PeakMemory(1);
  memory.beginPhase("load");
  memory.allocate(tensor(10, "weights", 0));
  memory.allocate(tensor(20, "weights", 1));
  memory.allocate(tensor(40, "weights", -1));
  assert.deepEqual([0, 1, -1, 2].map((device) => memory.peak(device).bytes), [10, 20, 40, 0]);
});

Deno.test("the largest of one category need not be at the peak", () => {
  const memory = new PeakMemory(1);
  memory.beginPhase("prefill");
  const activation = memory.allocate(tensor(100));
  memory.free(activation);
  memory.beginPhase("decode");
  memory.allocate(tensor(30, "kv"));
  assert.equal(memory.peak(0).byCategory.kv, 0);
  assert.equal(memory.peakOf(0, "kv"), 30);
  assert.equal(memory.peakOf(0, "weights"), 0);
  assert.equal(memory.peakOf(7, "kv"), 0);
});

Deno.test("the largest of a category counts within a phase whose peak was elsewhere", () => {
  const memory = new PeakMemory(1);
  memory.beginPhase("decode");
  const activation = memory.allocate(tensor(100));
  memory.free(activation);
  memory.allocate(tensor(30, "kv"));
  assert.equal(memory.peakOf(0, "kv"), 30);
});

Deno.test("freeing twice, or what never lived, is refused", () => {
  const memory = new PeakMemory(1);
  const handle = memory.allocate(tensor(1));
  memory.free(handle);
  assert.throws(() => memory.free(handle), /Cannot free handle 0: it is not alive/);
  assert.throws(() => memory.free(5), /Cannot free handle 5/);
  assert.throws(() => memory.free(-1), /Cannot free handle -1/);
});

/** An allocation, the end of the oldest, or the start of a phase. */
const EVENTS = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant("allocate" as const),
      bytes: fc.nat(5000),
      device: fc.integer({ min: -1, max: 1 }),
      category: fc.constantFrom<Category>("weights", "kv", "activation"),
    }),
    fc.record({ kind: fc.constant("free" as const), which: fc.nat() }),
    fc.record({
      kind: fc.constant("phase" as const),
      phase: fc.constantFrom<Phase>("load", "prefill", "decode"),
    }),
  ),
  { maxLength: 60 },
);

Deno.test("any trace gives the peaks of adding up all live tensors after every event", () => {
  fc.assert(
    fc.property(EVENTS, fc.constantFrom(1, 64, 512), (events, roundTo) => {
      const memory = new PeakMemory(roundTo);
      const live: { handle: number; bytes: number; device: number; category: Category }[] = [];
      const peaks = new Map<string, number>();
      let phase: Phase = "start";
      for (const event of events) {
        if (event.kind === "phase") {
          phase = event.phase;
          memory.beginPhase(phase);
        } else if (event.kind === "allocate") {
          const { bytes, device, category } = event;
          const handle = memory.allocate(tensor(bytes, category, device));
          const rounded = Math.ceil(bytes / roundTo) * roundTo;
          live.push({ handle, bytes: rounded, device, category });
        } else if (live.length > 0) {
          const [gone] = live.splice(event.which % live.length, 1);
          memory.free(gone?.handle ?? -1);
        }
        for (const device of [-1, 0, 1]) {
          const here = live.filter((each) => each.device === device);
          note(`${device} ${phase}`, here);
          for (const category of ["weights", "kv", "activation"] as const) {
            note(`${device} ${category}`, here.filter((each) => each.category === category));
          }
        }
      }
      function note(key: string, tensors: readonly { bytes: number }[]): void {
        const sum = tensors.reduce((total, { bytes }) => total + bytes, 0);
        peaks.set(key, Math.max(peaks.get(key) ?? 0, sum));
      }
      for (const device of [-1, 0, 1]) {
        for (const each of ["start", "load", "prefill", "decode"] as const) {
          assert.equal(memory.peak(device, [each]).bytes, peaks.get(`${device} ${each}`) ?? 0);
        }
        for (const category of ["weights", "kv", "activation"] as const) {
          assert.equal(memory.peakOf(device, category), peaks.get(`${device} ${category}`) ?? 0);
        }
        const { bytes, byCategory } = memory.peak(device);
        assert.equal(Object.values(byCategory).reduce((a, b) => a + b), bytes);
      }
    }),
    { seed: 176, numRuns: 300 },
  );
});
