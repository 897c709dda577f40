import assert from "node:assert/strict";
import {
  columnsOf,
  displayWidth,
  escapeMarkdown,
  renderMarkdownTable,
  renderTextTable,
} from "../../lib/report/table.ts";

Deno.test("texts stand to the left and numbers to the right", () => {
  const table = { columns: columnsOf(["name", "ms"]), rows: [["a", "1.00"], ["longer", "230"]] };
  assert.equal(
    renderTextTable(table),
    ["name      ms", "------  ----", "a       1.00", "longer   230"].join("\n"),
  );
});

Deno.test("more than one column can hold text", () => {
  assert.deepEqual(columnsOf(["a", "b", "c"], 2).map(({ align }) => align), [
    "left",
    "left",
    "right",
  ]);
});

Deno.test("no line of a terminal table ends with a space", () => {
  const table = { columns: columnsOf(["a", "b"], 2), rows: [["x", ""], ["", "longer"]] };
  for (const line of renderTextTable(table).split("\n")) assert.equal(line, line.trimEnd());
});

Deno.test("a missing cell is empty and keeps the columns behind it in place", () => {
  const table = { columns: columnsOf(["a", "b", "c"]), rows: [["x"], ["x", "1", "2"]] };
  assert.equal(renderTextTable(table), ["a  b  c", "-  -  -", "x", "x  1  2"].join("\n"));
});

Deno.test("wide characters take two columns and combining ones none", () => {
  assert.equal(displayWidth("abc"), 3);
  assert.equal(displayWidth("模型"), 4);
  assert.equal(displayWidth("ｆ"), 2);
  assert.equal(displayWidth("e\u0301"), 1);
  assert.equal(displayWidth("\u200b"), 0);
  assert.equal(displayWidth("🚀"), 2);
  assert.equal(displayWidth("é"), 1);
});

Deno.test("columns stay aligned behind wide characters", () => {
  const table = { columns: columnsOf(["m", "n"]), rows: [["模型", "1"], ["abcd", "2"]] };
  assert.equal(renderTextTable(table), ["m     n", "----  -", "模型  1", "abcd  2"].join("\n"));
});

Deno.test("a line break or an escape sequence in a cell stays one visible line", () => {
  const table = { columns: columnsOf(["a"]), rows: [["x\ny\x1b[2J\u202e"]] };
  assert.equal(renderTextTable(table).split("\n")[2], "x\\x0ay\\x1b[2J\\u{202e}");
});

Deno.test("a Markdown table says how its columns are aligned", () => {
  const table = { columns: columnsOf(["name", "ms"]), rows: [["a", "1.00"]] };
  assert.equal(
    renderMarkdownTable(table),
    ["| name |   ms |", "| :--- | ---: |", "| a    | 1.00 |"].join("\n"),
  );
});

Deno.test("a Markdown rule has three characters at least", () => {
  assert.equal(
    renderMarkdownTable({ columns: columnsOf(["a", "b"]), rows: [] }),
    ["| a   |   b |", "| :-- | --: |"].join("\n"),
  );
});

Deno.test("nothing in a cell ends a Markdown cell, links, or starts HTML or code", () => {
  assert.equal(escapeMarkdown("a|b"), "a\\|b");
  assert.equal(escapeMarkdown("<b>[x](y)`c`*d*\\"), "\\<b\\>\\[x\\](y)\\`c\\`\\*d\\*\\\\");
  assert.equal(escapeMarkdown("a\nb"), "a\\\\x0ab");
});

Deno.test("names with underscores and entities read as they are in Markdown", () => {
  assert.equal(escapeMarkdown("ds_zero"), "ds_zero");
  assert.equal(escapeMarkdown("_emphasis_ a&lt;b"), "\\_emphasis\\_ a\\&lt;b");
});

Deno.test("a terminal that is too narrow goes without spare columns, one after the other", () => {
  const columns = [
    { header: "cell", align: "left" },
    { header: "limit", align: "left", isSpare: true },
    { header: "host", align: "right", isSpare: true },
    { header: "ms", align: "right" },
  ] as const;
  const table = { columns, rows: [["a", "device:0", "1.2", "3"]] };
  const headers = (width?: number) => renderTextTable(table, width).split("\n")[0];
  assert.equal(headers(), "cell  limit     host  ms");
  assert.equal(headers(24), headers());
  assert.equal(headers(23), "cell  host  ms");
  assert.equal(headers(13), "cell  ms");
  assert.equal(headers(2), "cell  ms");
});
