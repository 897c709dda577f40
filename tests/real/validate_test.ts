/**
 * Predictions against real workers: models of three shapes, three strategies, and batches on both sides of the limit that
 * was predicted.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { validateSets } from "../../lib/commands/validate.ts";
import { readMeasured } from "../../lib/commands/measured_input.ts";
import type { Plan } from "../../lib/plan/plan.ts";
import { stowage } from "./environment.ts";

interface Shape {
  readonly name: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly strategies: readonly Readonly<Record<string, unknown>>[];
  /** Leaves each strategy room for a few hundred sequences. */
  readonly budget: string;
}

const SHAPES: readonly Shape[] = [
  {
    name: "few-wide-layers",
    config: { model_type: "bloom", vocab_size: 4096, hidden_size: 768, n_layer: 2, n_head: 12 },
    strategies: [
      { use: "accelerate", dtype: "float32" },
      { use: "ds-inference", dtype: "float32", tensorParallel: 2 },
      { use: "ds-zero", dtype: "float32" },
    ],
    budget: "640MiB",
  },
  {
    name: "grouped-queries",
    config: {
      model_type: "llama",
      vocab_size: 8192,
      hidden_size: 384,
      intermediate_size: 1024,
      num_hidden_layers: 4,
      num_attention_heads: 12,
      num_key_value_heads: 4,
      max_position_embeddings: 256,
      tie_word_embeddings: false,
    },
    strategies: [{ use: "accelerate", dtype: "float32" }, { use: "ds-zero", dtype: "float32" }],
    budget: "600MiB",
  },
  {
    name: "large-vocabulary",
    config: { model_type: "bloom", vocab_size: 50000, hidden_size: 128, n_layer: 3, n_head: 4 },
    strategies: [
      { use: "accelerate", dtype: "float32" },
      { use: "ds-inference", dtype: "float32", tensorParallel: 2 },
    ],
    budget: "640MiB",
  },
];

/** Memory of a process may be off by this part: what a table of the README promises. */
const PEAK_TOLERANCE = 0.1;

const SPECIAL_TOKENS = { bos_token_id: 1, eos_token_id: 2, pad_token_id: 3 };

for (const shape of SHAPES) {
  Deno.test(`${shape.name}: every verdict is right, and peaks are within 10 %`, async () => {
    const folder = Deno.makeTempDirSync({ prefix: "stowage-validate-" });
    try {
      const largest = await largestBatches(shape, folder);
      const run = await runAround(shape, largest, folder);
      const { sets } = readMeasured([run]);
      const { accuracy, comparisons, verdicts } = validateSets(sets);
      assert.equal(verdicts.length, 3 * shape.strategies.length);
      // Both sides of the limit were really there.
      assert.ok(verdicts.some(({ measuredOom }) => measuredOom));
      assert.ok(verdicts.some(({ measuredOom }) => !measuredOom));
      const wrong = accuracy.confusion.wrong.filter(({ tight }) => !tight);
      assert.deepEqual(wrong, []);
      // Ranks differ by a few megabytes: the fullest device of a cell is what a budget is set for.
      const peaks = Map.groupBy(
        comparisons.filter(({ quantity }) => quantity === "peakBytes"),
        ({ cellId }) => cellId,
      );
      assert.ok(peaks.size > 0);
      for (const [cellId, devices] of peaks) {
        const measured = Math.max(...devices.map((device) => device.measured));
        const predicted = Math.max(...devices.map((device) => device.predicted));
        const error = predicted / measured - 1;
        assert.ok(Math.abs(error) < PEAK_TOLERANCE, `${cellId}: ${(100 * error).toFixed(1)} %`);
      }
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  });
}

function pipelineOf(shape: Shape, strategies: readonly unknown[], batches: readonly number[]) {
  return JSON.stringify({
    name: shape.name,
    model: { name: shape.name, weights: "random", config: { ...shape.config, ...SPECIAL_TOKENS } },
    hardware: "2x cpu",
    generate: { max_new_tokens: 6 },
    prompts: { tokens: 12 },
    strategies,
    grid: { batchSize: batches },
    budget: { device: shape.budget, predictedOom: "run" },
    benchmark: { warmup: 0, cycles: 1, timeout: "5min" },
  });
}

/** The batch that each strategy is predicted to hold just so. */
async function largestBatches(shape: Shape, folder: string): Promise<number[]> {
  Deno.writeTextFileSync(join(folder, "plan.yaml"), pipelineOf(shape, shape.strategies, [1]));
  const { code, stdout, stderr } = await stowage(["plan", "plan.yaml", "--format", "json"], folder);
  assert.equal(code, 0, stderr);
  const plan: Plan = JSON.parse(stdout);
  return plan.cells.map(({ id, prediction }) => {
    const { largestBatch } = prediction;
    assert.ok(typeof largestBatch === "number" && largestBatch > 4, `${id}: ${largestBatch}`);
    return largestBatch;
  });
}

/** Runs one sequence, a batch well below the limit of each strategy, and one well above. */
async function runAround(
  shape: Shape,
  largest: readonly number[],
  folder: string,
): Promise<string> {
  const pipeline = JSON.parse(pipelineOf(shape, shape.strategies, [1]));
  const rows = shape.strategies.map(({ use }, index) => {
    const limit = largest[index] ?? 1;
    return { use, batches: [Math.floor(0.7 * limit), Math.ceil(1.4 * limit)] };
  });
  const all = [...new Set([1, ...rows.flatMap(({ batches }) => batches)])].sort((a, b) => a - b);
  const exclude = rows.flatMap(({ use, batches }) =>
    all.filter((batch) => batch !== 1 && !batches.includes(batch))
      .map((batchSize) => ({ strategy: use, batchSize }))
  );
  const grid = { batchSize: all, ...(exclude.length === 0 ? {} : { exclude }) };
  Deno.writeTextFileSync(join(folder, "run.yaml"), JSON.stringify({ ...pipeline, grid }));
  const { code, stderr } = await stowage(["run", "run.yaml"], folder);
  assert.equal(code, 0, stderr);
  const [run] = [...Deno.readDirSync(join(folder, "runs"))];
  assert.ok(run !== undefined);
  return join(folder, "runs", run.name);
}
