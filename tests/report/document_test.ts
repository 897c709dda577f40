import assert from "node:assert/strict";
import { type Block, renderMarkdown, renderText } from "../../lib/report/document.ts";
import { columnsOf } from "../../lib/report/table.ts";

const BLOCKS: readonly Block[] = [
  { kind: "title", text: "Plan of a_b" },
  { kind: "facts", facts: [["model", "bloom"], ["stack", "torch <2>"]] },
  { kind: "table", table: { columns: columnsOf(["cell", "ms"]), rows: [["x|y", "1"]] } },
  { kind: "heading", text: "Notes" },
  { kind: "list", items: [{ text: "first", details: ["a detail"] }, { text: "second" }] },
  { kind: "paragraph", text: "1 cell" },
  { kind: "code", lines: ["a: *b*", "", "```\x1b"] },
];

Deno.test("blocks stand a blank line apart in a terminal, and the text ends with a newline", () => {
  assert.equal(
    renderText(BLOCKS),
    [
      "Plan of a_b\n",
      "model  bloom",
      "stack  torch <2>\n",
      "cell  ms",
      "----  --",
      "x|y    1\n",
      "Notes\n",
      "  first",
      "      a detail",
      "  second\n",
      "1 cell\n",
      "  a: *b*\n",
      "  ```\\x1b\n",
    ].join("\n"),
  );
});

Deno.test("the same blocks are Markdown, with what Markdown would act upon escaped", () => {
  assert.equal(
    renderMarkdown(BLOCKS),
    [
      "# Plan of a_b\n",
      "- **model**: bloom",
      "- **stack**: torch \\<2\\>\n",
      "| cell |  ms |",
      "| :--- | --: |",
      "| x\\|y |   1 |\n",
      "## Notes\n",
      "- first",
      "  - a detail",
      "- second\n",
      "1 cell\n",
      "    a: *b*\n",
      "    ```\\x1b\n",
    ].join("\n"),
  );
});

Deno.test("an empty list or empty facts leave no gap", () => {
  const blocks: Block[] = [
    { kind: "title", text: "T" },
    { kind: "list", items: [] },
    { kind: "facts", facts: [] },
    { kind: "paragraph", text: "P" },
  ];
  assert.equal(renderText(blocks), "T\n\nP\n");
  assert.equal(renderMarkdown(blocks), "# T\n\nP\n");
});

Deno.test("no block lets a text move the cursor or begin a line of its own", () => {
  const text = "a\x1b[31m\nb";
  const blocks: Block[] = [
    { kind: "title", text },
    { kind: "heading", text },
    { kind: "paragraph", text },
    { kind: "facts", facts: [[text, text]] },
    { kind: "list", items: [{ text, details: [text] }] },
    { kind: "table", table: { columns: columnsOf([text]), rows: [[text]] } },
  ];
  for (const rendered of [renderText(blocks), renderMarkdown(blocks)]) {
    assert.ok(!rendered.includes("\x1b"));
    assert.ok(!/^b/m.test(rendered), rendered);
  }
});

Deno.test("a text that looks like the start of a Markdown block stays a text", () => {
  const texts = ["# heading", "- item", "+ item", "1. item", "12) item", "=== rule"];
  for (const text of texts) {
    assert.match(renderMarkdown([{ kind: "paragraph", text }]), /^\d*\\[-#+=.)]/, text);
    assert.match(renderMarkdown([{ kind: "list", items: [{ text }] }]), /^- \d*\\[-#+=.)]/, text);
  }
  assert.equal(renderMarkdown([{ kind: "paragraph", text: "18 cells" }]), "18 cells\n");
});
