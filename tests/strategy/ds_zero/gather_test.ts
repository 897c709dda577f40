import assert from "node:assert/strict";
import { GatherMemory, type Partitioning } from "../../../lib/strategy/ds_zero/gather.ts";
import type { ZeroWeight } from "../../../lib/strategy/ds_zero/place.ts";
import type { Tensor } from "../../../lib/trace/trace.ts";
import { EventWriter } from "./event_writer.ts";

function weight(name: string, elements: number): ZeroWeight {
  const partBytes = elements;
  return {
    name,
    elements,
    partBytes,
    persists: false,
    modules: [],
    wholeBytes: 2 * elements,
    hostBytes: partBytes,
  };
}

const [MATRIX, BIAS] = [weight("matrix", 100), weight("bias", 10)];

function gathering(offload: "none" | "cpu", ranks = 2) {
  const events = new EventWriter();
  return {
    events,
    memory: new GatherMemory({ ranks, offload, isCpu: false, overlaps: true }, events),
  };
}

Deno.test("a parameter alone is gathered where it stays", () => {
  const { events, memory } = gathering("none");
  memory.start([MATRIX]);
  memory.wait(MATRIX);
  memory.release(MATRIX);
  assert.deepEqual(events.told, ["+matrix (gathered) 200", "-matrix (gathered)"]);
});

Deno.test("several arrive in one buffer, and all are copied out of it when the first is needed", () => {
  const { events, memory } = gathering("none");
  memory.start([MATRIX, BIAS]);
  assert.deepEqual(events.told.splice(0), ["+gathered together 220"]);
  memory.wait(BIAS);
  assert.deepEqual(events.told.splice(0), ["+matrix (gathered) 200", "+bias (gathered) 20"]);
  memory.release(BIAS);
  memory.wait(MATRIX);
  assert.deepEqual(events.told, ["-bias (gathered)", "-gathered together"]);
});

Deno.test("the collective holds the copy of an offloaded part until it is waited for", () => {
  const { events, memory } = gathering("cpu");
  memory.start([MATRIX]);
  assert.deepEqual(events.told.splice(0), ["+matrix (gathered) 200", "+matrix (part) 100"]);
  memory.wait(MATRIX);
  assert.deepEqual(events.told, ["-matrix (part)"]);
});

Deno.test("parts that are gathered together are copied into the buffer at once", () => {
  const { events, memory } = gathering("cpu");
  memory.start([MATRIX, BIAS]);
  assert.deepEqual(events.told, [
    "+gathered together 220",
    "+matrix (part) 100",
    "+bias (part) 10",
    "-matrix (part)",
    "-bias (part)",
  ]);
});

Deno.test("one rank copies offloaded parameters to the device, and gathers nothing", () => {
  const { events, memory } = gathering("cpu", 1);
  memory.start([MATRIX, BIAS]);
  memory.wait(MATRIX);
  assert.deepEqual(events.told, ["+matrix (gathered) 100", "+bias (gathered) 10"]);
});

Deno.test("what the computation works on is lent to it, unless it is dropped without a word or the host waits", () => {
  function lentBy(changes: Partial<Partitioning>): string[] {
    const lent: string[] = [];
    const sink = {
      beginPhase() {},
      allocate: (tensor: Tensor) => tensor.lent === true ? lent.push(tensor.name) : 0,
      free() {},
      run() {},
    };
    const plain = { ranks: 2, offload: "none", isCpu: false, overlaps: true } as const;
    const memory = new GatherMemory({ ...plain, ...changes }, sink);
    memory.start([MATRIX, BIAS]);
    memory.wait(MATRIX);
    return lent;
  }
  assert.deepEqual(lentBy({}), ["matrix (gathered)", "bias (gathered)"]);
  assert.deepEqual(lentBy({ dropped: new Set([MATRIX]) }), ["bias (gathered)"]);
  for (const changes of [{ offload: "cpu" }, { isCpu: true }, { overlaps: false }] as const) {
    assert.deepEqual(lentBy(changes), []);
  }
});

Deno.test("gathers have a stream of their own unless they are not to overlap", () => {
  function streamsBy(overlaps: boolean): (number | undefined)[] {
    const streams: (number | undefined)[] = [];
    const allocate = ({ stream }: Tensor) => streams.push(stream);
    const sink = { beginPhase() {}, allocate, free() {}, run() {} };
    new GatherMemory({ ranks: 2, offload: "none", isCpu: false, overlaps }, sink).start([MATRIX]);
    return streams;
  }
  assert.deepEqual(streamsBy(true), [1]);
  assert.deepEqual(streamsBy(false), [undefined]);
});
