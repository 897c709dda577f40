import assert from "node:assert/strict";
import {
  OUTPUT_FORMATS,
  renderJson,
  renderJsonLines,
  renderPlan,
  renderResults,
} from "../../lib/report/render.ts";
import { plan, publishedGrid, reported, results } from "./builders.ts";

const PLAN = plan(publishedGrid());
const RESULTS = results(publishedGrid().map((planned) => reported(planned)));

Deno.test("every format of a plan and of results ends with one newline", () => {
  for (const format of OUTPUT_FORMATS) {
    for (const text of [renderPlan(PLAN, format), renderResults(RESULTS, format)]) {
      assert.match(text, /[^\n]\n$/, format);
    }
  }
});

Deno.test("JSON is the whole plan and the whole results", () => {
  assert.deepEqual(JSON.parse(renderPlan(PLAN, "json")), PLAN);
  assert.deepEqual(JSON.parse(renderResults(RESULTS, "json")), RESULTS);
});

Deno.test("JSON lines are the cells, one a line", () => {
  const read = (text: string) => text.trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(read(renderPlan(PLAN, "jsonl")), PLAN.cells);
  assert.deepEqual(read(renderResults(RESULTS, "jsonl")), RESULTS.cells);
});

Deno.test("CSV has a header and a line per cell", () => {
  assert.equal(renderPlan(PLAN, "csv").trimEnd().split("\n").length, 1 + PLAN.cells.length);
  assert.match(renderResults(RESULTS, "csv"), /^cell,strategy,.*,status,/);
});

Deno.test("the terminal's results are short, the file's say how to read them", () => {
  assert.ok(!renderResults(RESULTS, "table").includes("How to read"));
  assert.ok(renderResults(RESULTS, "markdown").includes("## How to read the tables"));
  assert.match(renderPlan(PLAN, "markdown"), /^# Plan of /);
});

Deno.test("no values are no lines", () => {
  assert.equal(renderJsonLines([]), "");
  assert.equal(renderJson({ a: [1] }), '{\n  "a": [\n    1\n  ]\n}\n');
});
