import assert from "node:assert/strict";
import { bloom } from "../../lib/model/bloom.ts";
import { llama } from "../../lib/model/llama.ts";
import { type Generation, traceGenerate } from "../../lib/model/generate.ts";
import type { Execution } from "../../lib/model/family.ts";
import { plainExecution } from "../../lib/strategy/execution.ts";
import { CAPTURE_STREAM, GRAPH_POOL } from "../../lib/trace/trace.ts";
import { Recorder } from "../trace/recorder.ts";
import { bloomShape, testRuntime, TINY } from "./shapes.ts";

const GENERATION: Generation = {
  batch: 2,
  promptTokens: 5,
  newTokens: 6,
  tensorParallel: 1,
  runtime: { ...testRuntime(), decode: "graph" },
  decodeSteps: "every",
};

function record(changes: Partial<Generation> = {}, execution = plainExecution(0)): Recorder {
  const recorder = new Recorder();
  traceGenerate(bloom, TINY, { ...GENERATION, ...changes }, execution, recorder);
  return recorder;
}

/** What happens in one phase. */
function during(recorder: Recorder, name: string) {
  const start = recorder.events.findIndex((event) =>
    event.kind === "phase" && `${event.phase} ${event.step}` === name
  );
  if (start < 0) return [];
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

/** A stack on a GPU, whose products take workspaces. */
const ON_GPU = {
  ...testRuntime(),
  deviceType: "gpu" as const,
  decode: "graph" as const,
  cublasWorkspaceBytes: 2 ** 25,
};

Deno.test("the graph has a pool of its own, of which only the workspaces outlive the capture", () => {
  const capture = during(record({ runtime: ON_GPU }), "capture 0");
  const own = capture.flatMap((event) =>
    event.kind === "allocate" && event.tensor.stream === GRAPH_POOL ? [event] : []
  );
  const freed = new Set(capture.flatMap((event) => event.kind === "free" ? [event.handle] : []));
  const kept = own.filter(({ handle }) => !freed.has(handle)).map(({ tensor }) => tensor.bytes);
  assert.ok(own.length > 10);
  assert.deepEqual(kept, [2 ** 25, 2 ** 20]);
});

Deno.test("the state of the random numbers lies on the stream that captures, outside of the graph's pool", () => {
  const first = during(record({ runtime: ON_GPU }), "capture 0").slice(0, 2);
  assert.deepEqual(
    first.map((event) => event.kind === "allocate" && [event.tensor.bytes, event.tensor.stream]),
    [[8, CAPTURE_STREAM], [8, CAPTURE_STREAM]],
  );
});

Deno.test("a step has made its slopes, or its table of positions, before there is any cache", () => {
  const [slopes, next] = record().events.flatMap((event) =>
    event.kind === "allocate" && event.tensor.category !== "workspace" ? [event.tensor] : []
  );
  assert.deepEqual([slopes?.name, slopes?.bytes], ["slopes", 4 * TINY.heads]);
  assert.equal(next?.category, "kv");
  const recorder = new Recorder();
  const { value: shape } = llama.shape({
    model_type: "llama",
    vocab_size: 100,
    hidden_size: 16,
    intermediate_size: 32,
    num_hidden_layers: 2,
    num_attention_heads: 4,
  });
  assert.ok(shape);
  traceGenerate(llama, shape, GENERATION, plainExecution(0), recorder);
  const tables = recorder.events.flatMap((event) =>
    event.kind === "allocate" && ["cos", "sin"].includes(event.tensor.name) ? [event.tensor] : []
  );
  const bytes = (5 + 6) * (4 / 2) * GENERATION.runtime.elementBytes;
  assert.deepEqual(tables.slice(0, 2).map((tensor) => tensor.bytes), [bytes, bytes]);
});

Deno.test("products of single rows take no workspace, nor of those apart from their bias that of cuBLASLt", () => {
  // Heads that have a kernel for attention.
  const shape = bloomShape({ vocab_size: 100, hidden_size: 64, n_layer: 1, n_head: 2 });
  const workspaces = (execution: Execution, batch: number) => {
    const recorder = new Recorder();
    const generation = { ...GENERATION, runtime: ON_GPU, batch };
    traceGenerate(bloom, shape, generation, execution, recorder);
    return during(recorder, "capture 0").flatMap((event) =>
      event.kind === "allocate" && event.tensor.category === "workspace" ? [event.tensor.bytes] : []
    );
  };
  assert.deepEqual(workspaces(plainExecution(0), 2), [2 ** 25, 2 ** 20]);
  assert.deepEqual(workspaces(plainExecution(0), 1), []);
  // Layers that DeepSpeed has cut are called as they are.
  const cut: Execution = { ...plainExecution(0), biasApart: "all" };
  assert.deepEqual(workspaces(cut, 2), [2 ** 25]);
  assert.deepEqual(workspaces(cut, 1), [2 ** 25]);
});

Deno.test("the first generation makes a step's tensors before the graph has them", () => {
  const recorder = record({ runtime: ON_GPU });
  const names = (phase: string) =>
    during(recorder, phase).flatMap((event) =>
      event.kind === "allocate" && event.tensor.stream !== CAPTURE_STREAM ? [event.tensor.name] : []
    );
  const captured = names("capture 0").filter((name) => !name.includes("workspace"));
  assert.deepEqual(names("warmup 0").slice(-captured.length), captured);
  assert.ok(names("prefill 0").length > captured.length);
});

Deno.test("a CPU and a single token need no graph", () => {
  const single = record({ runtime: ON_GPU, newTokens: 1 });
  const onCpu = record({ runtime: { ...testRuntime(), deviceType: "cpu", decode: "graph" } });
  for (const recorder of [onCpu, single]) {
    assert.deepEqual(during(recorder, "capture 0"), []);
    assert.ok(during(recorder, "prefill 0").length > 0);
  }
});
