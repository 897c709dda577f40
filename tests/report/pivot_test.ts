import assert from "node:assert/strict";
import { groupBy, pivotCells, pivotTable } from "../../lib/report/pivot.ts";
import { cell } from "./builders.ts";

Deno.test("there is a row per strategy and a column per batch size, which grow", () => {
  const [pivot, ...rest] = pivotCells([
    cell({ use: "ds-zero", batchSize: 16 }),
    cell({ use: "accelerate", batchSize: 8 }),
    cell({ use: "ds-zero", batchSize: 1 }),
  ]);
  assert.equal(rest.length, 0);
  assert.deepEqual(pivot?.batchSizes, [1, 8, 16]);
  assert.deepEqual(pivot?.rows.map((row) => row.label), ["ds-zero", "accelerate"]);
  assert.equal(pivot?.workload, "");
});

Deno.test("lengths make tables of their own, options rows of their own", () => {
  const pivots = pivotCells(
    [128, 512].flatMap((promptTokens) =>
      ["float16", "bfloat16"].map((dtype) =>
        cell({ use: "ds-zero", batchSize: 1, axes: { batchSize: 1, promptTokens, dtype } })
      )
    ),
  );
  assert.deepEqual(pivots.map((pivot) => pivot.workload), [
    "promptTokens=128",
    "promptTokens=512",
  ]);
  assert.deepEqual(pivots[0]?.rows.map((row) => row.label), [
    "ds-zero dtype=float16",
    "ds-zero dtype=bfloat16",
  ]);
});

Deno.test("no two cells of a grid share a place in its tables", () => {
  const cells = [1, 8].flatMap((batchSize) =>
    [128, 512].flatMap((promptTokens) =>
      ["none", "cpu"].map((offload) =>
        cell({ use: "ds-zero", batchSize, axes: { offload, promptTokens, batchSize } })
      )
    )
  );
  const placed = pivotCells(cells).flatMap(({ rows }) =>
    rows.flatMap((row) => [...row.cells.values()])
  );
  assert.deepEqual(placed.map(({ id }) => id).sort(), cells.map(({ id }) => id).sort());
});

Deno.test("a table leaves a place empty where the grid has no cell", () => {
  const [pivot] = pivotCells([
    cell({ use: "accelerate", batchSize: 1 }),
    cell({ use: "ds-zero", batchSize: 8 }),
  ]);
  assert.ok(pivot);
  const table = pivotTable(
    pivot,
    (row) => [{ label: row.label, text: (one) => `bs ${one.batchSize}` }],
  );
  assert.deepEqual(table.columns.map(({ header }) => header), ["project \\ bs", "1", "8"]);
  assert.deepEqual(table.rows, [["accelerate", "bs 1", ""], ["ds-zero", "", "bs 8"]]);
});

Deno.test("groups come in the order of their first value", () => {
  assert.deepEqual([...groupBy([3, 1, 5, 2], (value) => value % 2 === 0 ? "even" : "odd")], [
    ["odd", [3, 1, 5]],
    ["even", [2]],
  ]);
});
