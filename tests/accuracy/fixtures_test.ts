/** Predictions against what was measured, on an H100 and on a CPU: bytes that PyTorch's allocator handed out, and steps. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { readMeasured } from "../../lib/commands/measured_input.ts";
import { validateSets } from "../../lib/commands/validate.ts";

function validate(name: string) {
  const path = fileURLToPath(new URL(`../../fixtures/${name}`, import.meta.url));
  const { sets, problems } = readMeasured([path]);
  assert.deepEqual(problems, []);
  return validateSets(sets);
}

Deno.test("accelerate on an H100: allocated within 0.5 %, reserved within 3 % on average", () => {
  const { comparisons, accuracy } = validate("h100_accelerate.jsonl");
  for (const { quantity, cellId, error } of comparisons) {
    if (quantity === "peakAllocatedBytes") assert.ok(Math.abs(error) < 0.005, `${cellId} ${error}`);
    if (quantity === "peakReservedBytes") assert.ok(Math.abs(error) < 0.08, `${cellId} ${error}`);
  }
  const reserved = accuracy.quantities.find(({ quantity }) => quantity === "peakReservedBytes");
  assert.ok(reserved !== undefined && reserved.meanAbsoluteError < 0.03);
  assert.deepEqual(accuracy.confusion.wrong, []);
});

Deno.test("DeepSpeed on an H100, injected kernels too: no verdict is wrong, allocated within 0.5 %, reserved within 3 %", () => {
  const { comparisons, accuracy } = validate("measurements/h100-deepspeed.jsonl");
  for (const { quantity, cellId, error } of comparisons) {
    if (quantity === "peakAllocatedBytes") assert.ok(Math.abs(error) < 0.005, `${cellId} ${error}`);
    if (quantity === "peakReservedBytes") assert.ok(Math.abs(error) < 0.03, `${cellId} ${error}`);
  }
  assert.deepEqual(accuracy.confusion.wrong, []);
});

Deno.test("injected kernels on an H100 fill the device to within 1 %, their workspace and the load before it", () => {
  const { comparisons } = validate("measurements/h100-bloom-7b1-kernels.json");
  const filled = comparisons.filter(({ quantity }) => quantity === "peakBytes");
  assert.equal(filled.length, 3);
  for (const { cellId, error } of filled) assert.ok(Math.abs(error) < 0.01, `${cellId} ${error}`);
});

Deno.test("a graph's first generation reserves as measured, and its allocated bytes are exact", () => {
  const { comparisons } = validate("measurements/h100-llama-1b.json");
  for (const { quantity, cellId, error } of comparisons) {
    if (quantity === "peakAllocatedBytes") assert.ok(Math.abs(error) < 1e-4, `${cellId} ${error}`);
    if (quantity === "peakReservedBytes") assert.ok(Math.abs(error) < 0.05, `${cellId} ${error}`);
  }
});

/** Batches on both sides of a cap: all strategies, captured and eager steps, both kinds of segments. */
const AROUND_CAPS = [
  "bloom-1b1",
  "bloom-1b1-zero",
  "bloom-1b7",
  "bloom-3b",
  "gpt2-large",
  "gpt2-medium",
  "gpt2-xl",
  "llama-3.2-1b",
  "llama-3.2-3b",
  "mistral-7b",
  "opt-1.3b",
  "opt-2.7b",
  "opt-6.7b",
  "opt-2.7b-eager",
  "pythia-1.4b",
  "pythia-1b4-native",
  "pythia-2.8b",
  "pythia-6.9b",
  "qwen2.5-1.5b",
  "qwen2.5-3b",
  "qwen2.5-7b",
  "qwen3-1.7b",
  "qwen3-4b",
];

const PAGE = 2 * 2 ** 20;

Deno.test("around the caps of an H100 every verdict is right and reserved is told to one page", () => {
  let exact = 0;
  let values = 0;
  for (const name of AROUND_CAPS) {
    const { comparisons, accuracy } = validate(`measurements/h100-limits-${name}.json`);
    assert.deepEqual(accuracy.confusion.wrong, [], name);
    for (const { quantity, cellId, predicted, measured } of comparisons) {
      const cell = `${name}, ${cellId}: ${predicted}, measured ${measured}`;
      if (quantity === "peakAllocatedBytes") assert.equal(predicted, measured, cell);
      if (quantity !== "peakReservedBytes") continue;
      assert.ok(Math.abs(predicted - measured) <= PAGE, cell);
      values++;
      if (predicted === measured) exact++;
    }
  }
  assert.ok(exact > 0.9 * values, `${exact} of ${values}`);
});

Deno.test("steps on an H100 that memory or links bind are within 12 % at the median", () => {
  for (const name of ["h100_accelerate.jsonl", "measurements/h100-deepspeed.jsonl"]) {
    const steps = validate(name).accuracy.quantities.find(({ quantity, group }) =>
      quantity === "msPerStep" && group === "plain"
    );
    assert.ok(steps !== undefined && steps.medianAbsoluteError < 0.12, name);
    assert.ok((steps.coverage ?? 0) >= 0.85, `${name}: ${steps.coverage}`);
  }
});

Deno.test("prefills on an H100 that take the device more than 0.12 s are within 20 %", () => {
  const names = [
    "h100_accelerate.jsonl",
    "measurements/h100-bloom-560m.json",
    "measurements/h100-bloom-7b1.json",
    "measurements/h100-llama-8b.json",
  ];
  for (const name of names) {
    // ZeRO's hooks and the preparation of a graph are the host's.
    const large = validate(name).comparisons.filter(({ quantity, measured, cellId }) =>
      quantity === "prefillMs" && measured > 120 && !/zero|graph/.test(cellId)
    );
    assert.ok(large.length > 0, name);
    for (const { cellId, error } of large) assert.ok(Math.abs(error) < 0.2, `${cellId}: ${error}`);
  }
});

Deno.test("three models on a CPU: every verdict, peaks within 10 %, steps within 25 % at the median", () => {
  for (const name of ["tiny", "bloom-121m", "llama-58m"]) {
    const { comparisons, accuracy } = validate(`measurements/cpu_times/${name}.json`);
    assert.deepEqual(accuracy.confusion.wrong, [], name);
    for (const { quantity, cellId, error } of comparisons) {
      if (quantity === "peakBytes") {
        assert.ok(Math.abs(error) < 0.1, `${name}, ${cellId}: ${error}`);
      }
    }
    const steps = comparisons.filter(({ quantity }) => quantity === "msPerStep").map(({ error }) =>
      Math.abs(error)
    );
    assert.ok(
      (steps.toSorted((a, b) => a - b)[Math.floor(steps.length / 2)] ?? 1) < 0.25,
      `${name}: ${steps}`,
    );
  }
});

Deno.test("runs of workers that have changed since are told apart", () => {
  const isOlder = (name: string) => validate(name).sources.map((source) => source.isOlder);
  assert.deepEqual(isOlder("measurements/h100-llama-8b.json"), [true]);
  assert.deepEqual(new Set(isOlder("h100_accelerate.jsonl")), new Set([false]));
});
