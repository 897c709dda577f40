import assert from "node:assert/strict";
import { parseYaml } from "../../lib/language/yaml.ts";
import { wordSyntaxError } from "../../lib/language/yaml_errors.ts";
import { PATH } from "./builders.ts";

/** Broken texts and what is said of the first mistake, the start of every message being the same. */
const CASES: readonly (readonly [text: string, problem: string])[] = [
  ["a:\n\tb: 1\n", "a tab stands in the indentation"],
  ["a:\n   b: 1\n  c: 2\n", "items of one mapping or list start in different columns"],
  ["- a\n - b\n- c: 1\n  - d\n", "items of one mapping or list start in different columns"],
  ["a: [1, 2\n", "the closing ] is missing"],
  ["{ a: 1", "the closing } is missing"],
  ["a: 'b\n", "a quote is never closed"],
  ["a: 1\nb\nc: 2\n", "a key has no colon behind it"],
  ["a: 1\nb\n", "a key has no colon behind it"],
  ["a: b: c\n", "a second mapping or list starts in this line"],
  ['a: "b" c\n', "something follows a value that has ended"],
  ['a: ["b" "c"]\n', "a comma is missing"],
  ['{"a": "b" "c": "d"}\n', "items between brackets are not separated by commas"],
  ["{ a: b c: d }\n", "items between brackets are not separated by commas"],
  ["a: [1,, 2]\n", "a comma stands where a value is expected"],
  ["{ a: 1 }}\n", '"}" is not expected here'],
  ['a: "\\q"\n', "\\q is not an escape sequence"],
  ["a: `b`\n", "a text without quotes cannot start with `"],
  ["a: %b\n", "a text without quotes cannot start with %"],
  ["{ a: 1 }\n? b\n", "something follows a value that has ended"],
  [`${"a".repeat(1100)}: 1\n`, "a key has more than 1024 characters"],
];

function firstProblem(text: string): string | undefined {
  const [first] = parseYaml(text, PATH).diagnostics;
  return first?.message.replace(/^The file is not valid YAML: /, "");
}

for (const [text, problem] of CASES) {
  Deno.test(`${JSON.stringify(text.slice(0, 30))} is worded`, () => {
    assert.equal(firstProblem(text), problem);
  });
}

Deno.test("what the library says in a pattern of regular expressions is copied as it is", () => {
  const message = "Invalid escape sequence \\$&";
  assert.equal(wordSyntaxError({ code: "BAD_DQ_ESCAPE", message }).problem.slice(0, 3), "\\$&");
});

Deno.test("a mistake that has no words of its own keeps those of the library, and gets advice", () => {
  const message = "An alias node must not specify any properties.";
  const { problem, advice } = wordSyntaxError({ code: "ALIAS_PROPS", message });
  assert.equal(problem, "An alias node must not specify any properties");
  assert.match(advice, /^Check the indentation/);
});
