import assert from "node:assert/strict";
import { bloom } from "../../lib/model/bloom.ts";
import { type Generation, traceGenerate } from "../../lib/model/generate.ts";
import { plainExecution } from "../../lib/strategy/execution.ts";
import { Recorder } from "../trace/recorder.ts";
import { testRuntime, TINY } from "./shapes.ts";

const GENERATION: Generation = {
  batch: 2,
  promptTokens: 5,
  newTokens: 6,
  tensorParallel: 1,
  runtime: { ...testRuntime(), decode: "graph" },
  decodeSteps: "every",
};

function record(changes: Partial<Generation> = {}): Recorder {
  const recorder = new Recorder();
  traceGenerate(bloom, TINY, { ...GENERATION, ...changes }, plainExecution(0), recorder);
  return recorder;
}

/** What happens in one phase. */
function during(recorder: Recorder, name: string) {
  const start = recorder.events.findIndex((event) =>
    event.kind === "phase" && `${event.phase} ${event.step}` === name
  );
  const rest = recorder.events.slice(start + 1);
  const stop = rest.findIndex(({ kind }) => kind === "phase");
  return rest.slice(0, stop < 0 ? undefined : stop);
}

Deno.test("the cache is allocated whole before the prompt and never grows", () => {
  const tensors = record().events.flatMap((event) =>
    event.kind === "allocate" && event.tensor.category === "kv" ? [event.tensor] : []
  );
  const bytes = 2 * TINY.kvHeads * (5 + 6) * TINY.headDim * testRuntime().elementBytes;
  assert.equal(tensors.length, 2 * TINY.layers);
  for (const tensor of tensors) assert.equal(tensor.bytes, bytes);
});

Deno.test("no step allocates: each is a replay for which the host does nothing", () => {
  const recorder = record();
  for (const step of ["decode 1", "decode 2"]) {
    const events = during(recorder, step);
    assert.deepEqual(events.filter(({ kind }) => kind === "allocate"), []);
    assert.ok(events.length > 7 * TINY.layers);
  }
  for (const event of during(recorder, "decode 2")) {
    assert.ok(event.kind === "run" && event.operation.isReplayed);
  }
});

Deno.test("the graph has a pool of its own, of which only the workspaces outlive the capture", () => {
  const runtime = { ...testRuntime(), decode: "graph" as const, cublasWorkspaceBytes: 2 ** 25 };
  const recorder = record({ runtime });
  const prefill = during(recorder, "prefill 0");
  const own = prefill.flatMap((event) =>
    event.kind === "allocate" && event.tensor.stream !== undefined ? [event] : []
  );
  const freed = new Set(prefill.flatMap((event) => event.kind === "free" ? [event.handle] : []));
  const kept = own.filter(({ handle }) => !freed.has(handle)).map(({ tensor }) => tensor.bytes);
  assert.ok(own.length > 10);
  assert.deepEqual(kept, [2 ** 25, 2 ** 20]);
});
