import assert from "node:assert/strict";
import { findModel } from "../../lib/catalog/model_facts.ts";
import { findNode } from "../../lib/catalog/hardware.ts";
import {
  explainRule,
  publishedPromptTokens,
  publishedTables,
  toNewTokenRule,
} from "../../lib/catalog/published.ts";
import { resolveStack } from "../../lib/catalog/stack.ts";

Deno.test("publishedTables() name things of the catalog and batch sizes that grow", () => {
  for (const table of publishedTables()) {
    assert.ok(findModel(table.model), table.id);
    assert.ok(findNode(table.hardware), table.id);
    assert.ok(resolveStack({ name: table.stack }).value, table.id);
    for (const row of table.rows) {
      const sizes = row.cells.map((cell) => cell.batchSize);
      assert.deepEqual(sizes, sizes.toSorted((left, right) => left - right));
      const firstOom = row.cells.findIndex((cell) => cell.msPerToken === null);
      assert.ok(
        firstOom === -1 || row.cells.slice(firstOom).every((cell) => cell.msPerToken === null),
      );
    }
  }
});

Deno.test("publishedTables() have every published cell, ok and oom", () => {
  const counts = publishedTables().map((table) => {
    const cells = table.rows.flatMap((row) => row.cells);
    return [cells.length, cells.filter((cell) => cell.msPerToken === null).length];
  });
  assert.deepEqual(counts, [[16, 6], [28, 5], [10, 2]]);
});

Deno.test("the rule of July converted gives the figures of September within two percent", () => {
  const [july, september] = publishedTables();
  const before = july?.rows.find((row) => row.strategy === "ds-inference")?.cells;
  const after = september?.rows.find((row) => row.strategy === "ds-inference")?.cells;
  for (const batchSize of [1, 8]) {
    const old = before?.find((cell) => cell.batchSize === batchSize)?.msPerNewToken ?? NaN;
    const now = after?.find((cell) => cell.batchSize === batchSize)?.msPerToken ?? NaN;
    assert.ok(Math.abs(old / now - 1) < 0.02, `${batchSize}: ${old} and ${now}`);
  }
});

Deno.test("toNewTokenRule() charges the time to the generated tokens", () => {
  assert.equal(toNewTokenRule(93, 100, 7), 100);
  assert.equal(publishedPromptTokens(1), 7);
  assert.equal(publishedPromptTokens(128), 9);
  assert.match(explainRule("prompt-counted"), /counts the prompt/);
});
