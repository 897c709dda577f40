import assert from "node:assert/strict";
import { CellCompactor, withReason } from "../../lib/plan/compact_cells.ts";
import { cell } from "../report/builders.ts";

const CELLS = [1, 2].map((batchSize) => cell({ use: "accelerate", batchSize }));

Deno.test("a compact cell reads, writes and copies like the cell that it was made of", () => {
  const compactor = new CellCompactor();
  for (const original of CELLS) {
    const compact = compactor.compact(original);
    assert.equal(JSON.stringify(compact, null, 2), JSON.stringify(original, null, 2));
    assert.deepEqual({ ...compact }, original);
    assert.deepEqual(compact.prediction.devices, original.prediction.devices);
  }
});

Deno.test("what many cells have in common is one object", () => {
  const compactor = new CellCompactor();
  const [first, second] = CELLS.map((original) => compactor.compact(structuredClone(original)));
  assert.ok(first !== undefined && second !== undefined);
  assert.equal(first.strategy, second.strategy);
});

Deno.test("another reason keeps everything else", () => {
  const [original] = CELLS;
  assert.ok(original !== undefined);
  const compact = new CellCompactor().compact(original);
  for (const each of [original, compact]) {
    const other = withReason(each, "forced");
    assert.deepEqual({ ...other }, { ...original, reason: "forced" });
    assert.equal(withReason(each, original.reason), each);
  }
});
