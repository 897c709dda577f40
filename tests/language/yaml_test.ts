import assert from "node:assert/strict";
import { parseYaml, type SourceNode } from "../../lib/language/yaml.ts";
import { plainValue } from "../../lib/language/yaml_value.ts";
import { PATH } from "./builders.ts";

function nodeOf(text: string): SourceNode {
  const { value, diagnostics } = parseYaml(text, PATH);
  assert.ok(value !== undefined, JSON.stringify(diagnostics));
  return value;
}

function valueOf(text: string): unknown {
  const { value, diagnostics } = plainValue(nodeOf(text), PATH);
  assert.deepEqual(diagnostics, []);
  return value;
}

/** What the carets of the one diagnostic of a text would mark. */
function marked(text: string): { code: string; text: string } {
  const { value, diagnostics } = parseYaml(text, PATH);
  assert.equal(value, undefined);
  const [first, second] = diagnostics;
  assert.ok(first?.span !== undefined && second === undefined, JSON.stringify(diagnostics));
  return { code: first.code, text: text.slice(first.span.start, first.span.end) };
}

Deno.test("plain scalars are read by the rules of YAML 1.2", () => {
  const text =
    "{ a: yes, b: off, c: 0o17, d: 017, e: 1:30, f: ~, g: True, h: 1e3, i: 2022-07, j: 0x1F }";
  assert.deepEqual(valueOf(text), {
    a: "yes",
    b: "off",
    c: 15,
    d: 17,
    e: "1:30",
    f: null,
    g: true,
    h: 1000,
    i: "2022-07",
    j: 31,
  });
});

Deno.test("a directive for YAML 1.1 does not bring its rules back", () => {
  assert.deepEqual(valueOf("%YAML 1.1\n---\na: yes\nb: 017\n"), { a: "yes", b: 17 });
});

Deno.test("JSON is read, also when it is indented with tabs", () => {
  const value = { model: "a", grid: { batchSize: [1, 2], "a/b": null }, text: 'é\u2028\n"' };
  assert.deepEqual(valueOf(JSON.stringify(value)), value);
  assert.deepEqual(valueOf(JSON.stringify(value, null, "\t")), value);
});

Deno.test("a byte order mark and Windows line ends are no part of the values", () => {
  assert.deepEqual(valueOf("\ufeffa: x\r\nb:\r\n  - y\r\n"), { a: "x", b: ["y"] });
});

Deno.test("a closing bracket may stand at the start of a line", () => {
  assert.deepEqual(valueOf("a: [\n  1,\n  2,\n]\nb: {\n  c: 3\n}\n"), { a: [1, 2], b: { c: 3 } });
});

Deno.test("spans of scalars hold their quotes and nothing around them", () => {
  const text = 'name:   "a b"   # comment\n';
  const root = nodeOf(text);
  assert.ok(root.kind === "map");
  const [entry] = root.entries;
  assert.ok(entry !== undefined);
  assert.equal(text.slice(entry.key.span.start, entry.key.span.end), "name");
  assert.equal(text.slice(entry.value.span.start, entry.value.span.end), '"a b"');
});

Deno.test("a scalar keeps its source, so that 2.10 is not lost", () => {
  const root = nodeOf("torch: 2.10\n");
  assert.ok(root.kind === "map");
  const value = root.entries[0]?.value;
  assert.ok(value?.kind === "scalar");
  assert.deepEqual([value.value, value.source], [2.1, "2.10"]);
});

Deno.test("block and flow collections are told apart", () => {
  const root = nodeOf("a:\n  - 1\nb: [1]\n");
  assert.ok(root.kind === "map");
  const kinds = root.entries.map(({ value }) => value.kind === "list" && value.block);
  assert.deepEqual([root.block, ...kinds], [true, true, false]);
});

Deno.test("an unclosed bracket is marked where it opens", () => {
  assert.deepEqual(marked("a: 1\nb: [1, 2\nc: 3\n"), { code: "STW101", text: "[" });
  assert.deepEqual(marked("a: { b: { c: 1 }\n"), { code: "STW101", text: "{" });
});

Deno.test("of nested brackets the one that is not closed is marked", () => {
  const text = "a: [1, [2, 3], { b: [4] }\n";
  const { diagnostics } = parseYaml(text, PATH);
  assert.deepEqual(diagnostics.map(({ span }) => span?.start), [text.indexOf("[")]);
});

Deno.test("an unclosed quote is marked where it opens", () => {
  for (const quote of ["'", '"']) {
    assert.deepEqual(marked(`a: ${quote}b\nc: d\n`), { code: "STW101", text: quote });
  }
});

Deno.test("one line gives one syntax error, and lines give theirs together", () => {
  const { diagnostics } = parseYaml("a: @x @y\nb: `z\nc: %w\n", PATH);
  assert.deepEqual(diagnostics.map(({ span }) => span?.start), [3, 12, 18]);
});

Deno.test("beyond twenty syntax errors only their number is told", () => {
  const text = Array.from({ length: 25 }, (_, index) => `k${index}: @`).join("\n");
  const { diagnostics } = parseYaml(text, PATH);
  assert.equal(diagnostics.length, 21);
  assert.equal(diagnostics.at(-1)?.message, "5 further diagnostics are not shown");
});

Deno.test("nesting beyond the limit is refused before the parser recurses", () => {
  const codes = [
    "[".repeat(100_000),
    "{a: ".repeat(50_000),
    "- ".repeat(100_000),
    "? ".repeat(100_000),
    Array.from({ length: 400 }, (_, depth) => `${" ".repeat(depth)}a:`).join("\n"),
  ].map((text) => marked(text).code);
  assert.deepEqual(new Set(codes), new Set(["STW110"]));
});

Deno.test("nesting of 60 levels is read", () => {
  assert.equal(JSON.stringify(valueOf(`${"[".repeat(60)}1${"]".repeat(60)}`)).length, 121);
});

Deno.test("a tag is refused, whether the library knows it or not", () => {
  assert.deepEqual(marked("a: !!set { b, c }\n"), { code: "STW111", text: "!!set" });
  assert.deepEqual(marked("a: !python/object:os.system ls\n").code, "STW111");
});

Deno.test("the second of several documents is marked", () => {
  assert.deepEqual(marked("a: 1\n---\nb: 2\n"), { code: "STW105", text: "---" });
});

Deno.test("files without a value are empty", () => {
  for (const text of ["", "\n\n", "# only this\n", "---\n", "---\n...\n", "null", "~", "\ufeff"]) {
    assert.deepEqual(parseYaml(text, PATH).diagnostics.map(({ code }) => code), ["STW107"]);
  }
});
