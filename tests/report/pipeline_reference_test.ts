import assert from "node:assert/strict";
import { renderMarkdown } from "../../lib/report/document.ts";
import { pipelineJsonSchema } from "../../lib/language/json_schema.ts";
import { parsePipeline } from "../../lib/language/compile.ts";
import { EXAMPLE, pipelineReference } from "../../lib/report/pipeline_reference.ts";

const PAGE = new URL("../../docs/pipeline.md", import.meta.url);

Deno.test("the committed page of the keys is the one that the types make", () => {
  const text = renderMarkdown(pipelineReference());
  if (Deno.env.get("UPDATE") === "1") Deno.writeTextFileSync(PAGE, text);
  assert.equal(Deno.readTextFileSync(PAGE), text);
});

Deno.test("every key of the page says what values it takes and what it means", () => {
  const tables = pipelineReference().flatMap((block) =>
    block.kind === "table" ? [block.table] : []
  );
  assert.ok(tables.length > 8);
  for (const [key = "", value, _default, meaning] of tables.flatMap(({ rows }) => rows)) {
    assert.ok(value !== undefined && value.length > 3, key);
    assert.ok(meaning !== undefined && meaning.length > 5, key);
  }
});

Deno.test("options that all strategies have are listed once", () => {
  const tables = pipelineReference().flatMap((block) =>
    block.kind === "table" ? [block.table] : []
  );
  const keys = tables.flatMap(({ rows }) => rows.map(([key]) => key));
  assert.equal(keys.filter((key) => key === "dtype").length, 1);
  assert.equal(keys.filter((key) => key === "kernelInject").length, 1);
});

Deno.test("every key of the schema stands in a table, or is told in the text of its block", () => {
  const page = Deno.readTextFileSync(PAGE);
  const keys = new Set<string>();
  const collect = (schema: unknown): void => {
    if (typeof schema !== "object" || schema === null) return;
    for (const [name, value] of Object.entries(schema)) {
      if (name === "properties") Object.keys(value).forEach((key) => keys.add(key));
      collect(value);
    }
  };
  collect(pipelineJsonSchema());
  assert.ok(keys.size > 50);
  for (const key of keys) {
    assert.ok(
      page.includes(`\n| ${key} `) || page.includes(`${key}:`),
      `${key} is not on the page`,
    );
  }
});

Deno.test("the example of the page is clean", () => {
  const { diagnostics } = parsePipeline({ text: EXAMPLE.join("\n"), path: "x.yaml" });
  assert.deepEqual(diagnostics, []);
});
