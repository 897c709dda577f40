/** Reporting in a process of its own gives what reporting here does. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { renderResults } from "../../lib/report/render.ts";
import { renderApart, writeTablesApart } from "../../lib/run/report_apart.ts";
import { resultsCsvLines } from "../../lib/report/csv.ts";
import { cell, reported, results } from "../report/builders.ts";
import { temporaryFolder } from "../temporary.ts";

const RESULTS = results([1, 8].map((batchSize) => reported(cell({ use: "ds-zero", batchSize }))));

Deno.test("tables that are made apart are the tables", () => {
  const folder = temporaryFolder();
  Deno.writeTextFileSync(join(folder, "results.json"), JSON.stringify(RESULTS));
  assert.equal(writeTablesApart(folder), true);
  const read = (name: string) => Deno.readTextFileSync(join(folder, name));
  assert.equal(read("results.md"), renderResults(RESULTS, "markdown"));
  assert.equal(read("results.csv"), [...resultsCsvLines(RESULTS.cells)].join(""));
  assert.equal(renderApart(folder, "table"), renderResults(RESULTS, "table"));
});

Deno.test("without results there are no tables, and the engine is told", () => {
  const folder = temporaryFolder();
  assert.equal(writeTablesApart(folder), false);
  assert.equal(renderApart(folder, "table"), null);
});
