import assert from "node:assert/strict";
import fc from "fast-check";
import { lineAt, positionAt } from "../../lib/diagnostics/position.ts";

const TEXT = "a: 1\r\nb: é\n\n😀c: 2";

Deno.test("lines and columns count from 1", () => {
  assert.deepEqual(positionAt(TEXT, 0), { line: 1, column: 1 });
  assert.deepEqual(positionAt(TEXT, 6), { line: 2, column: 1 });
  assert.deepEqual(positionAt(TEXT, 11), { line: 3, column: 1 });
});

Deno.test("a column is a character, not a unit of UTF-16", () => {
  assert.deepEqual(positionAt(TEXT, TEXT.indexOf("c")), { line: 4, column: 2 });
});

Deno.test("a line has neither of its breaks", () => {
  assert.deepEqual(lineAt(TEXT, 2), { number: 1, start: 0, text: "a: 1" });
  assert.deepEqual(lineAt(TEXT, 11), { number: 3, start: 11, text: "" });
});

Deno.test("offsets beyond the text stand in its first or last line", () => {
  assert.equal(lineAt(TEXT, -5).number, 1);
  assert.equal(lineAt(TEXT, 1e9).number, 4);
  assert.deepEqual(positionAt("", 7), { line: 1, column: 1 });
});

Deno.test("lines joined are the text, wherever an offset stands", () => {
  const texts = fc.array(fc.constantFrom("a", "\n", "😀", " "), { maxLength: 40 });
  fc.assert(
    fc.property(texts, fc.nat(60), (parts, offset) => {
      const text = parts.join("");
      const { number, start, text: line } = lineAt(text, offset);
      assert.equal(text.split("\n")[number - 1], line);
      assert.equal(text.slice(start, start + line.length), line);
    }),
    { seed: 11, numRuns: 300 },
  );
});
