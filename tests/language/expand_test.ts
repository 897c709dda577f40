import assert from "node:assert/strict";
import fc from "fast-check";
import { countCells, MAX_CELLS } from "../../lib/language/expand.ts";
import { cellsOf, codesOf, pipelineOf, smallPipeline } from "./builders.ts";

function idsOf(more: string): readonly string[] {
  return cellsOf(more).map(({ id }) => id);
}

Deno.test("without a grid each strategy has one cell", () => {
  assert.deepEqual(idsOf("strategies: [accelerate, ds-zero]"), [
    "accelerate/batchSize=1",
    "ds-zero/batchSize=1",
  ]);
});

Deno.test("axes keep the order of the file, and the last varies fastest", () => {
  assert.deepEqual(idsOf("grid: { newTokens: [5, 6], batchSize: [1, 2] }"), [
    "accelerate/newTokens=5,batchSize=1",
    "accelerate/newTokens=5,batchSize=2",
    "accelerate/newTokens=6,batchSize=1",
    "accelerate/newTokens=6,batchSize=2",
  ]);
});

Deno.test("a strategy does not vary along an option that it lacks", () => {
  assert.deepEqual(
    idsOf("strategies: [accelerate, ds-inference]\ngrid: { tensorParallel: [1, 2] }"),
    [
      "accelerate/batchSize=1",
      "ds-inference/batchSize=1,tensorParallel=1",
      "ds-inference/batchSize=1,tensorParallel=2",
    ],
  );
});

Deno.test("a cell has the options of its axes, and the lengths", () => {
  const [cell] = cellsOf(
    "generate: { max_length: 20 }\ngrid: { dtype: [float16], promptTokens: [12], batchSize: [3] }",
  );
  assert.equal(cell?.strategy.dtype, "float16");
  assert.deepEqual([cell?.batchSize, cell?.promptTokens, cell?.newTokens], [3, 12, 8]);
});

Deno.test("exclude takes away what agrees with every key, also with a fixed option", () => {
  assert.deepEqual(
    idsOf(
      "strategies: [{ use: accelerate, dtype: float16 }, ds-zero]\n" +
        "grid:\n  batchSize: [1, 2]\n  exclude:\n    - { strategy: ds-zero, batchSize: 2 }\n" +
        "    - { dtype: float16, batchSize: 1 }",
    ),
    ["accelerate/batchSize=2", "ds-zero/batchSize=1"],
  );
});

Deno.test("include adds to each strategy that has the options, and is never excluded", () => {
  assert.deepEqual(
    idsOf(
      "strategies: [accelerate, ds-zero]\n" +
        "grid:\n  batchSize: [1]\n  include: [{ batchSize: 9 }, { offload: none, newTokens: 3 }]\n" +
        "  exclude: [{ batchSize: 9 }]",
    ),
    [
      "accelerate/batchSize=1",
      "ds-zero/batchSize=1",
      "accelerate/batchSize=9",
      "ds-zero/batchSize=9",
      "ds-zero/batchSize=1,offload=none,newTokens=3",
    ],
  );
});

Deno.test("ids hold nothing that a shell acts upon, and tell all cells apart", () => {
  const more = "strategies: [{ use: accelerate, deviceMap: auto }]\n" +
    "grid:\n  offloadFolder: ['./a b', './a;b', './$(x)', './a,b=c', \"./a'b\", './ä']";
  const ids = idsOf(more);
  assert.equal(new Set(ids).size, 6);
  for (const id of ids) assert.match(id, /^[A-Za-z0-9/=,.%_-]+$/);
});

Deno.test("cells are counted before they are made", () => {
  const values = Array.from({ length: 1000 }, (_, index) => index + 1).join(", ");
  const more =
    `grid: { batchSize: [${values}], promptTokens: [${values}], newTokens: [${values}] }`;
  const started = performance.now();
  assert.deepEqual(codesOf(smallPipeline(more)), ["STW152"]);
  assert.ok(performance.now() - started < 5000);
  assert.ok(MAX_CELLS < 1e9);
});

const axes = fc.record({
  batchSize: fc.uniqueArray(fc.integer({ min: 1, max: 99 }), { minLength: 1, maxLength: 4 }),
  promptTokens: fc.uniqueArray(fc.integer({ min: 1, max: 99 }), { minLength: 1, maxLength: 3 }),
  dtype: fc.uniqueArray(fc.constantFrom("float16", "float32", "bfloat16"), { minLength: 1 }),
  tensorParallel: fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 3 }),
}, { requiredKeys: [] });

Deno.test("as many cells as counted, each id once, each with the values of its axes", () => {
  fc.assert(
    fc.property(axes, fc.boolean(), (grid, zeroToo) => {
      const uses = zeroToo ? "[ds-inference, ds-zero]" : "[ds-inference]";
      const more = `strategies: ${uses}\ngrid: ${JSON.stringify(grid)}`;
      const cells = cellsOf(more);
      assert.equal(BigInt(cells.length), countCells(pipelineOf(more)));
      assert.equal(new Set(cells.map(({ id }) => id)).size, cells.length);
      for (const cell of cells) {
        for (const [name, value] of Object.entries(cell.axes)) {
          const found = { ...cell.strategy, ...cell } as unknown as Record<string, unknown>;
          assert.equal(found[name], value);
          if (name in grid) assert.ok(grid[name as keyof typeof grid]?.includes(value as never));
        }
      }
    }),
    { seed: 21, numRuns: 100 },
  );
});
