/** Every cell of the tables of 2022, from the pipelines that ship: it ran, or it ran out of memory. */
import assert from "node:assert/strict";
import published from "../../lib/catalog/data/published.json" with { type: "json" };
import { predictsOom } from "../../lib/plan/selection.ts";
import { planOf } from "./compile_text.ts";

const PIPELINES: Readonly<Record<string, string>> = {
  "2022-07": "bloom.yaml",
  "2022-09": "bloom-september.yaml",
  "2022-09-4gpu": "bloom-september-4gpu.yaml",
};

/** Published as out of memory, and in August as running on the same GPUs: nothing tells the two apart. */
const PUBLISHED_BOTH_WAYS = "2022-09-4gpu accelerate int8 32";

for (const { id, rows } of published.tables) {
  Deno.test(`table ${id}: every verdict is the published one`, async () => {
    const path = new URL(`../../pipelines/${PIPELINES[id]}`, import.meta.url);
    const { cells } = await planOf(Deno.readTextFileSync(path));
    const wrong: string[] = [];
    let compared = 0;
    for (const { strategy, dtype, msPerToken } of rows) {
      for (const [batchSize, value] of Object.entries(msPerToken)) {
        const name = `${id} ${strategy} ${dtype} ${batchSize}`;
        const cell = cells.find((each) =>
          each.strategy.use === strategy && each.strategy.dtype === dtype &&
          each.batchSize === Number(batchSize)
        );
        assert.ok(cell, name);
        compared++;
        if (name !== PUBLISHED_BOTH_WAYS && predictsOom(cell) !== (value === "oom")) {
          wrong.push(name);
        }
      }
    }
    assert.deepEqual(wrong, []);
    assert.ok(compared >= 10);
  });
}
