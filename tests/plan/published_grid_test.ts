/** The grid of the tables of 2022: BLOOM on eight A100 of 80 GB with the libraries of the time. */
import assert from "node:assert/strict";
import published from "../../lib/catalog/data/published.json" with { type: "json" };
import type { Plan } from "../../lib/plan/plan.ts";
import { predictsOom } from "../../lib/plan/selection.ts";
import { cellOf, planOf } from "./compile_text.ts";

const PIPELINE = `
name: bloom-176b
model: bigscience/bloom
hardware: jean-zay-a100-8
stack: "2022-07"
generate: { max_new_tokens: 100 }
prompts: { tokens: 8 }
strategies:
  - { use: accelerate, dtype: bfloat16 }
  - { use: ds-inference, dtype: float16, kernelInject: true }
  - { use: ds-zero, dtype: bfloat16 }
grid: { batchSize: [1, 8, 16, 32, 64, 128, 256, 512] }
`;

/** Largest batch of the grid that is not predicted to run out of memory. */
function largestFitting(plan: Plan, strategy: string): number {
  const fitting = plan.cells.filter((cell) =>
    cell.strategy.name === strategy && !predictsOom(cell)
  );
  return Math.max(0, ...fitting.map(({ batchSize }) => batchSize));
}

Deno.test("no cell that ran in 2022 is predicted to run out of memory", async () => {
  const plan = await planOf(PIPELINE);
  const [table] = published.tables;
  let compared = 0;
  for (const { strategy, msPerToken } of table?.rows ?? []) {
    for (const [batchSize, value] of Object.entries(msPerToken)) {
      if (typeof value !== "number") continue;
      const cell = cellOf(plan, `${strategy}/batchSize=${batchSize}`);
      assert.equal(predictsOom(cell), false, cell.id);
      compared++;
    }
  }
  assert.equal(compared, 10);
});

// In 2022 accelerate ran out at 64, because the first GPU holds the whole cache twice; ds-zero at 16, of which a part
// is a fitted constant.
Deno.test("each strategy has its own boundary, which more sequences never cross back", async () => {
  const plan = await planOf(PIPELINE);
  assert.deepEqual(
    ["accelerate", "ds-inference", "ds-zero"].map((name) => largestFitting(plan, name)),
    [32, 128, 8],
  );
  for (const larger of plan.cells) {
    const smaller = plan.cells.filter((cell) =>
      cell.strategy.name === larger.strategy.name && cell.batchSize < larger.batchSize
    );
    for (const cell of smaller) assert.ok(!predictsOom(cell) || predictsOom(larger), cell.id);
  }
});

Deno.test("the weights of a rank are an eighth of the model, and each strategy's own extras", async () => {
  const plan = await planOf(PIPELINE);
  const [accelerate, inference, zero] = ["accelerate", "ds-inference", "ds-zero"].map((name) =>
    cellOf(plan, `${name}/batchSize=1`).prediction.devices
  );
  const wholeBytes = 2 * 176_247_271_424;
  const sum = (devices: typeof zero) =>
    devices?.reduce((total, { weightsBytes }) => total + weightsBytes, 0) ?? 0;
  const near = (actual: number, expected: number) =>
    assert.ok(Math.abs(actual / expected - 1) < 1e-5, `${actual} is not ${expected}`);
  near(sum(accelerate), wholeBytes);
  near(sum(zero), wholeBytes);
  // Every rank keeps whole: the embedding of 7.2 GB, the norms, and the biases of the row-parallel layers.
  const keptElements = 250880 * 14336 + (70 * (4 + 2) + 4) * 14336;
  assert.equal(sum(inference), wholeBytes + 7 * 2 * keptElements);
  assert.equal(zero?.length, 8);
});

Deno.test("a token takes 4 MiB of cache twice, spread over all devices but with ZeRO", async () => {
  const plan = await planOf(PIPELINE);
  const tokens = 8 + 100 - 1;
  const cacheBytes = 2 * 70 * 14336 * 2 * tokens * 8;
  for (const [name, share] of [["ds-inference", 1 / 8], ["ds-zero", 1]] as const) {
    const [device] = cellOf(plan, `${name}/batchSize=8`).prediction.devices;
    const ratio = (device?.kvBytes ?? 0) / (cacheBytes * share);
    // The tuple of the step before lives until the loop has the new one.
    assert.ok(Math.abs(ratio - (2 - 1 / tokens)) < 1e-9, `${name}: ${ratio}`);
  }
});
