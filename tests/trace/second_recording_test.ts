import assert from "node:assert/strict";
import { Recording } from "../../lib/trace/recording.ts";
import { SecondRecording } from "../../lib/trace/second_recording.ts";
import type { Operation, Tensor, TraceSink } from "../../lib/trace/trace.ts";

const TENSOR: Tensor = { device: 0, name: "hidden", category: "activation", bytes: 10 };
const OPERATION: Operation = { device: 0, name: "add", flops: 3, bytes: 20, launches: 1 };

interface Choices {
  readonly step?: number;
  readonly tensor?: Partial<Tensor>;
  readonly operation?: Partial<Operation>;
  /** Frees the tensor of the pass before, or that of the pass itself. */
  readonly freesEarlier?: boolean;
  readonly freesNothing?: boolean;
  readonly more?: "tensor" | "pass";
}

/** Two passes, of which the second may be otherwise. */
function write(sink: TraceSink, choices: Choices = {}): void {
  const { step = 1, tensor, operation, freesEarlier = true, freesNothing, more } = choices;
  sink.beginPhase("prefill", 0);
  const kept = sink.allocate(TENSOR);
  sink.beginPhase("decode", step);
  const own = sink.allocate({ ...TENSOR, ...tensor });
  sink.run({ ...OPERATION, ...operation });
  if (!freesNothing) sink.free(freesEarlier ? kept : own);
  if (more === "tensor") sink.allocate(TENSOR);
  if (more === "pass") sink.beginPhase("decode", 2);
}

function second(choices?: Choices): SecondRecording {
  const first = new Recording();
  write(first);
  const recording = new SecondRecording(first);
  write(recording, choices);
  return recording;
}

Deno.test("a trace that differs in numbers alone is the same, and its numbers are kept", () => {
  assert.ok(second().isSame);
  const other = second({ tensor: { bytes: 77 }, operation: { flops: 5, linkBytes: 8 } });
  assert.ok(other.isSame);
  assert.deepEqual(other.passes, [{ bytes: [10], terms: [] }, { bytes: [77], terms: [5, 20, 8] }]);
});

Deno.test("a trace that does anything else is another one", () => {
  const others: Choices[] = [
    { step: 2 },
    { tensor: { name: "other" } },
    { tensor: { device: 1 } },
    { tensor: { stream: 1 } },
    { operation: { name: "multiply" } },
    { operation: { launches: 2 } },
    { freesEarlier: false },
    { freesNothing: true },
    { more: "tensor" },
    { more: "pass" },
  ];
  for (const choices of others) assert.ok(!second(choices).isSame, JSON.stringify(choices));
});

Deno.test("a recording holds what a pass has in common with the one before once", () => {
  const recording = new Recording();
  for (const step of [1, 2]) {
    recording.beginPhase("decode", step);
    recording.allocate({ ...TENSOR, bytes: step });
    recording.allocate({ ...TENSOR, name: `of step ${step}` });
    recording.run({ ...OPERATION, flops: step });
  }
  const [one, two] = recording.passes;
  assert.equal(two?.tensors[0], one?.tensors[0]);
  assert.equal(two?.tensors[1]?.name, "of step 2");
  assert.equal(two?.operations[0], one?.operations[0]);
  assert.deepEqual([one?.bytes[0], two?.bytes[0], one?.terms[0], two?.terms[0]], [1, 2, 1, 2]);
});
