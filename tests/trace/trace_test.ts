import assert from "node:assert/strict";
import { PeakMemory } from "../../lib/memory/peak.ts";
import { broadcast, elements } from "../../lib/trace/trace.ts";
import { Recorder } from "./recorder.ts";

const TENSOR = { device: 0, name: "t", category: "kv", bytes: 10 } as const;

Deno.test("the number of elements is the product of the sizes", () => {
  assert.equal(elements([2, 3, 4]), 24);
  assert.equal(elements([]), 1);
  assert.equal(elements([250880, 14336]), 3_596_615_680);
});

Deno.test("a broadcast tells every sink everything, in order", () => {
  const [first, second] = [new Recorder(), new Recorder()];
  const both = broadcast([first, second]);
  both.beginPhase("decode", 3);
  const handle = both.allocate(TENSOR);
  both.run({ device: 0, name: "add", flops: 1, bytes: 2, launches: 1 });
  both.free(handle);
  assert.deepEqual(first.events.map(({ kind }) => kind), ["phase", "allocate", "run", "free"]);
  assert.deepEqual(second.events, first.events);
});

Deno.test("a broadcast frees the right tensor in sinks that count handles differently", () => {
  const [first, second] = [new PeakMemory(1), new Recorder()];
  second.allocate({ ...TENSOR, name: "earlier" });
  const both = broadcast([first, second]);
  const one = both.allocate({ ...TENSOR, name: "one" });
  both.allocate({ ...TENSOR, name: "two" });
  both.free(one);
  assert.deepEqual([...second.live.values()].map(({ name }) => name), ["earlier", "two"]);
  both.allocate(TENSOR);
  assert.equal(first.peak(0).bytes, 20);
});

Deno.test("a broadcast does not hide that a tensor was freed twice or never lived", () => {
  const both = broadcast([new PeakMemory(1)]);
  const handle = both.allocate(TENSOR);
  both.free(handle);
  assert.throws(() => both.free(handle), /it is not alive/);
  assert.throws(() => both.free(99), /it is not alive/);
});
