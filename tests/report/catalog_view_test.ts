import assert from "node:assert/strict";
import { listHardware, listModels, listStacks } from "../../lib/catalog/list.ts";
import { renderHardware, renderModels, renderStacks } from "../../lib/report/catalog_view.ts";
import { OUTPUT_FORMATS } from "../../lib/report/render.ts";

/** The line of a table that starts with a name. */
function lineOf(text: string, name: string): string {
  const line = text.split("\n").find((each) => each.startsWith(`${name} `));
  assert.ok(line, `no "${name}" in\n${text}`);
  return line;
}

Deno.test("models are listed with their size and short names", () => {
  const text = renderModels(listModels(), "table");
  assert.match(
    lineOf(text, "bigscience/bloom"),
    /^bigscience\/bloom +bloom +176\.2B +bfloat16 +bloom, bloom-176b, /,
  );
  assert.ok(!/bloom-560m.*bigscience\/bloomz/.test(text), "names with an owner only repeat");
});

Deno.test("nodes have host memory and disks, devices do not, a cpu device takes what the budget gives", () => {
  const text = renderHardware(listHardware(), "table");
  assert.match(
    lineOf(text, "jean-zay-a100-8"),
    /8x A100-SXM4-80GB +79\.1 GiB +\d+ GB\/s +476\.8 GiB +3\.00 GB\/s$/,
  );
  assert.match(lineOf(text, "A100-SXM4-80GB"), /^A100-SXM4-80GB +79\.1 GiB +\d+ GB\/s +A100-80GB$/);
  assert.match(lineOf(text, "cpu"), /^cpu +budget +/);
});

Deno.test("stacks say whether they can be run", () => {
  const text = renderStacks(listStacks(), "table");
  assert.match(lineOf(text, "2022-07"), /^2022-07 +predict +.*torch 1\.12\.0/);
  assert.match(lineOf(text, "current"), /^current +predict and run +.*torch \d/);
});

Deno.test("every format lists every row", () => {
  const models = listModels();
  for (const format of OUTPUT_FORMATS) {
    const text = renderModels(models, format);
    for (const { name } of models) assert.ok(text.includes(name), `${name} in ${format}`);
    assert.match(text, /[^\n]\n$/, format);
  }
  assert.deepEqual(JSON.parse(renderModels(models, "json")), models);
  assert.equal(renderModels(models, "jsonl").trimEnd().split("\n").length, models.length);
  assert.equal(renderModels(models, "csv").trimEnd().split("\n").length, models.length + 1);
});
