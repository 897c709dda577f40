import assert from "node:assert/strict";
import { fullestMoments } from "../../lib/memory/alive.ts";
import type { TraceSink } from "../../lib/trace/trace.ts";

function tensor(name: string, bytes: number, device = 0) {
  return { device, name, bytes, category: "activation" } as const;
}

/** Device 0 is fullest in the second step; device 1 at once. */
function trace(sink: TraceSink): void {
  sink.beginPhase("load", 0);
  const weights = sink.allocate(tensor("weights", 10));
  sink.allocate(tensor("other", 5, 1));
  sink.beginPhase("decode", 1);
  const a = sink.allocate(tensor("a", 4));
  sink.free(a);
  sink.beginPhase("decode", 2);
  sink.allocate(tensor("b", 3));
  sink.allocate(tensor("c", 6));
  sink.free(weights);
  sink.allocate(tensor("d", 2));
}

Deno.test("the fullest moment of each device has the tensors that are alive in it", () => {
  const moments = fullestMoments(trace);
  const first = moments.get(0);
  assert.deepEqual([first?.phase, first?.step, first?.bytes], ["decode", 2, 19]);
  assert.deepEqual(first?.tensors.map(({ name }) => name), ["weights", "b", "c"]);
  assert.deepEqual(moments.get(1)?.tensors.map(({ name }) => name), ["other"]);
  assert.equal(moments.get(2), undefined);
});
