import assert from "node:assert/strict";
import fc from "fast-check";
import { hostileText } from "../texts.ts";
import type { Diagnostic } from "../../lib/diagnostics/diagnostic.ts";
import { renderMachine, renderText } from "../../lib/diagnostics/render.ts";
import { sortDiagnostics } from "../../lib/diagnostics/sort.ts";

const FILE = "a.yaml";

function at(start: number, end: number, more: Partial<Diagnostic> = {}): Diagnostic {
  const span = { start, end };
  return { code: "STW120", severity: "error", message: "Wrong", file: FILE, span, ...more };
}

function drawn(text: string, diagnostic: Diagnostic, width?: number): string {
  const options = width === undefined ? {} : { width };
  return renderText([diagnostic], { source: () => text, ...options });
}

Deno.test("carets stand below what is meant", () => {
  assert.equal(
    drawn("model: a\nname: bc\n", at(15, 17, { help: "Mend it" })),
    "error[STW120]: Wrong\n --> a.yaml:2:7\n  |\n2 | name: bc\n  |       ^^\n  = help: Mend it\n",
  );
});

Deno.test("wide and invisible characters move the carets as a terminal would", () => {
  assert.match(drawn("模型: x", at(4, 5)), /\n1 \| 模型: x\n {2}\| {7}\^\n/);
  assert.match(drawn("\tx", at(1, 2)), /\n1 \| {5}x\n {2}\| {5}\^\n/);
  assert.match(drawn("\x1bx", at(1, 2)), /\n1 \| \\x1bx\n {2}\| {5}\^\n/);
});

Deno.test("a span over several lines is marked up to the end of the first", () => {
  assert.match(drawn("ab\ncd", at(0, 5)), /1 \| ab\n {2}\| \^\^\n/);
});

Deno.test("an empty span and one behind the end have one caret", () => {
  assert.match(drawn("ab", at(1, 1)), /\| {2}\^\n/);
  assert.match(drawn("ab", at(90, 95)), /\| {3}\^\n/);
});

Deno.test("a long line is cut round the carets", () => {
  const text = `${"x".repeat(5000)}HERE${"y".repeat(5000)}`;
  const lines = drawn(text, at(5000, 5004), 60).split("\n");
  assert.match(lines[3] ?? "", /^1 \| \.\.\.x+HEREy+\.\.\.$/);
  assert.equal((lines[4] ?? "").indexOf("^"), (lines[3] ?? "").indexOf("HERE"));
  assert.ok(lines.every((line) => line.length < 80));
});

Deno.test("without its source a diagnostic names the file", () => {
  assert.equal(renderText([at(3, 4)]), "error[STW120]: Wrong\n --> a.yaml\n");
});

Deno.test("further lines of a help are indented", () => {
  const text = renderText([{ code: "STW901", severity: "error", message: "Oh", help: "a\nb" }]);
  assert.equal(text, "error[STW901]: Oh\n  = help: a\n          b\n");
});

Deno.test("colours are drawn when asked for, and only then", () => {
  // deno-lint-ignore no-control-regex
  assert.match(renderText([at(0, 1)], { color: true, source: () => "x" }), /\x1b\[/);
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(renderText([at(0, 1)], { source: () => "x" }), /\x1b/);
});

Deno.test("programs get lines, columns and everything that was said", () => {
  const diagnostic = at(6, 7, { path: ["model"], help: "Mend it" });
  assert.deepEqual(renderMachine([diagnostic], { source: () => "a: 1\nbc: 2" }), [{
    code: "STW120",
    severity: "error",
    message: "Wrong",
    help: "Mend it",
    file: FILE,
    start: { line: 2, column: 2 },
    end: { line: 2, column: 3 },
    span: { start: 6, end: 7 },
    path: ["model"],
  }]);
});

Deno.test("diagnostics are sorted by file and place, and keep their order otherwise", () => {
  const [a, b, c, d] = [
    at(9, 10),
    at(2, 3, { message: "x" }),
    at(2, 3, { message: "y" }),
    { code: "STW107", severity: "error", message: "z", file: FILE } as const,
  ];
  const closing = { code: "STW199", severity: "info", message: "more" } as const;
  assert.deepEqual(sortDiagnostics([closing, a, b, c, d]), [d, b, c, a, closing]);
});

Deno.test("whatever text, span and width: no crash, and no control character", () => {
  fc.assert(
    fc.property(
      hostileText(30),
      fc.integer({ min: -5, max: 90 }),
      fc.integer({ min: -5, max: 90 }),
      fc.integer({ min: 1, max: 50 }),
      (text, start, end, width) => {
        const shown = renderText([at(start, end, { message: text })], {
          source: () => text,
          width,
        });
        assert.doesNotMatch(shown.replaceAll("\n", ""), /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
        assert.match(shown, /\^/);
      },
    ),
    { seed: 13, numRuns: 500 },
  );
});
