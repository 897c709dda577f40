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

Deno.test("DeepSpeed on an H100: no verdict is wrong, allocated within 3 %, old and new libraries", () => {
  const { comparisons, accuracy } = validate("measurements/h100-deepspeed.jsonl");
  for (const { quantity, cellId, error } of comparisons) {
    if (quantity === "peakAllocatedBytes") assert.ok(Math.abs(error) < 0.03, `${cellId} ${error}`);
  }
  assert.deepEqual(accuracy.confusion.wrong, []);
});

Deno.test("steps on an H100 that memory or links bind are within 12 % at the median", () => {
  for (const name of ["h100_accelerate.jsonl", "measurements/h100-deepspeed.jsonl"]) {
    const steps = validate(name).accuracy.quantities.find(({ quantity, launchBound }) =>
      quantity === "msPerStep" && !launchBound
    );
    assert.ok(steps !== undefined && steps.medianAbsoluteError < 0.12, name);
    assert.ok((steps.coverage ?? 0) >= 0.85, `${name}: ${steps.coverage}`);
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
