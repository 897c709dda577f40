import assert from "node:assert/strict";
import fc from "fast-check";
import { PeakMemory } from "../../lib/memory/peak.ts";
import type { Dtype } from "../../lib/language/pipeline.ts";
import { bloom } from "../../lib/model/bloom.ts";
import { type Generation, traceGenerate } from "../../lib/model/generate.ts";
import { plainExecution } from "../../lib/strategy/execution.ts";
import { Recorder } from "../trace/recorder.ts";
import { testRuntime, TINY } from "./shapes.ts";

function record(changes: Partial<Generation>): Recorder {
  const recorder = new Recorder();
  const generation = {
    batch: 2,
    promptTokens: 5,
    newTokens: 4,
    tensorParallel: 1,
    runtime: testRuntime(),
    ...changes,
  };
  traceGenerate(bloom, TINY, generation, plainExecution(0), recorder);
  return recorder;
}

function phasesOf(recorder: Recorder): string[] {
  return recorder.events.flatMap((event) =>
    event.kind === "phase" ? [`${event.phase} ${event.step}`] : []
  );
}

Deno.test("the first token comes from the prefill, of the steps the first and the last are written", () => {
  assert.deepEqual(phasesOf(record({ newTokens: 1 })), ["prefill 0"]);
  assert.deepEqual(phasesOf(record({ newTokens: 2 })), ["prefill 0", "decode 1"]);
  assert.deepEqual(phasesOf(record({ newTokens: 3 })), ["prefill 0", "decode 1", "decode 2"]);
  assert.deepEqual(phasesOf(record({ newTokens: 100 })), ["prefill 0", "decode 1", "decode 99"]);
});

Deno.test("every step is written where an allocator is to replay them", () => {
  const phases = phasesOf(record({ newTokens: 5, decodeSteps: "every" }));
  assert.deepEqual(phases, ["prefill 0", "decode 1", "decode 2", "decode 3", "decode 4"]);
});

Deno.test("steps from the second on have one structure, with sizes affine in their number", () => {
  const { events } = record({ newTokens: 8, decodeSteps: "every" });
  const handles = new Map<number, number>();
  const steps: { shape: string[]; bytes: number[] }[] = [];
  let allocations = 0;
  for (const event of events) {
    if (event.kind === "phase") steps.push({ shape: [], bytes: [] });
    const step = steps.at(-1);
    if (step === undefined) continue;
    if (event.kind === "allocate") {
      handles.set(event.handle, allocations++);
      step.shape.push(`allocate ${event.tensor.name}`);
      step.bytes.push(event.tensor.bytes);
    }
    // Which allocation made the freed tensor, counted back from here.
    if (event.kind === "free") {
      step.shape.push(`free ${allocations - (handles.get(event.handle) ?? 0)}`);
    }
  }
  // The last step is followed by the end of the generation, which frees everything.
  const regular = steps.slice(2, -1);
  assert.ok(regular.length >= 3);
  const [first, second] = regular;
  for (const [index, { shape, bytes }] of regular.entries()) {
    assert.deepEqual(shape, first?.shape);
    const affine = (first?.bytes ?? []).map((size, each) =>
      size + index * ((second?.bytes[each] ?? 0) - size)
    );
    assert.deepEqual(bytes, affine);
  }
});

Deno.test("a generation frees all that it took but what cuBLAS keeps", () => {
  for (const newTokens of [1, 2, 3, 100]) {
    const left = [...record({ newTokens }).live.values()].map(({ name }) => name);
    assert.deepEqual(left, ["cuBLAS workspace", "cuBLASLt workspace"], `${newTokens} new tokens`);
  }
});

Deno.test("the cache ends with every token but the last, which nothing reads any more", () => {
  for (const newTokens of [1, 2, 3, 100]) {
    const kv = record({ newTokens }).tensors().filter(({ category }) => category === "kv");
    const tokens = 5 + newTokens - 1;
    assert.equal(kv.at(-1)?.bytes, 2 * tokens * TINY.hiddenSize * 4);
    assert.equal(Math.max(...kv.map(({ bytes }) => bytes)), kv.at(-1)?.bytes);
  }
});

Deno.test("a token is picked from float32 scores of the last position, whatever the dtype", () => {
  for (const dtype of ["float16", "float32"] as const) {
    const scores = record({ runtime: testRuntime(dtype) }).tensors().filter(({ name }) =>
      name === "next_token_logits" || /^min_.*(clone|scores)$/.test(name)
    );
    // A copy of the logits, and a clone and a result for each of the two processors; prefill and two steps.
    assert.equal(scores.length, 3 * 5);
    for (const { bytes } of scores) assert.equal(bytes, 2 * 100 * 4);
  }
});

Deno.test("the scores of one step live through the forward pass of the next", () => {
  const { events } = record({ newTokens: 2 });
  const handles = events.flatMap((event) =>
    event.kind === "allocate" && event.tensor.name === "min_new_tokens.scores" ? [event.handle] : []
  );
  const freed = events.findIndex((event) => event.kind === "free" && event.handle === handles[0]);
  const secondLogits = events.findLastIndex((event) =>
    event.kind === "allocate" && event.tensor.name === "logits"
  );
  assert.ok(freed > secondLogits);
});

Deno.test("writing two decode steps gives the same peak as writing all of them", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 20 }),
      fc.constantFrom<Dtype>("float16", "float32"),
      (batch, promptTokens, newTokens, dtype) => {
        const runtime = testRuntime(dtype);
        const generation = { batch, promptTokens, newTokens, tensorParallel: 1, runtime };
        const [ends, every] = (["ends", "every"] as const).map((decodeSteps) => {
          const memory = new PeakMemory(1);
          const execution = plainExecution(0);
          traceGenerate(bloom, TINY, { ...generation, decodeSteps }, execution, memory);
          return memory.peak(0);
        });
        assert.deepEqual(ends, every);
      },
    ),
    { seed: 7, numRuns: 50 },
  );
});

Deno.test("weights that ask for no gradients: the head reads itself once for each of several prompts", () => {
  function headBytes(frozenWeights: boolean, batch: number): number[] {
    const runtime = testRuntime("float32", { transformers: "5.17.0", frozenWeights });
    return record({ batch, newTokens: 3, runtime }).operations()
      .flatMap(({ name, bytes }) => name === "logits" ? [bytes] : []);
  }
  const weights = 16 * 100 * 4;
  const [prefill, ...steps] = headBytes(true, 3);
  const [usual, ...usualSteps] = headBytes(false, 3);
  assert.equal(Number(prefill) - Number(usual), 2 * weights);
  assert.deepEqual(steps, usualSteps, "one position is no slice");
  assert.deepEqual(headBytes(true, 1), headBytes(false, 1));
});
