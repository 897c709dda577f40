import assert from "node:assert/strict";
import fc from "fast-check";
import { parsePipeline } from "../../lib/language/compile.ts";
import { renderText } from "../../lib/diagnostics/render.ts";
import { parseYaml, type SourceNode } from "../../lib/language/yaml.ts";
import { hostileText } from "../texts.ts";
import { PATH, smallPipeline } from "./builders.ts";

/** Whatever is said about a text has to be sayable: inside the text, safe to show, and nothing thrown. */
function checkText(text: string): void {
  const { value, diagnostics } = parsePipeline({ text, path: PATH });
  assert.ok(value !== undefined || diagnostics.some(({ severity }) => severity === "error"));
  for (const { span, code } of diagnostics) {
    if (span === undefined) continue;
    assert.ok(span.start >= 0 && span.start <= span.end, `${code} ${JSON.stringify(span)}`);
    assert.ok(
      span.start <= text.length && span.end <= text.length + 1,
      `${code} ${JSON.stringify(span)}`,
    );
  }
  const shown = renderText(diagnostics, { source: () => text });
  assert.doesNotMatch(shown.replaceAll("\n", ""), /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
}

Deno.test("hostile text is refused in words", () => {
  fc.assert(fc.property(hostileText(60), checkText), { seed: 31, numRuns: 1500 });
});

const VALUES = [
  "null",
  "~",
  "true",
  "1",
  "-1",
  "1.5",
  "1e400",
  ".nan",
  "''",
  "'x'",
  '"\\ud800"',
  "[]",
  "{}",
  "[1]",
  "{a: 1}",
  "*a",
  "&a x",
  "!!str x",
  "8x cpu",
  "79GiB",
  "3GB/s",
  "accelerate",
  "[accelerate, {use: ds-zero}]",
  "__proto__",
  "{__proto__: 1}",
  "2024-01-01",
  "0x10",
  "|\n  text",
  "- 1",
  "{ ? a : b }",
  "[[[[]]]]",
  "\u202e",
];
const KEYS = [
  "name",
  "model",
  "hardware",
  "stack",
  "generate",
  "prompts",
  "strategies",
  "grid",
  "budget",
  "benchmark",
  "environment",
  "seed",
  "batchSize",
  "use",
  "__proto__",
  "<<",
  "constructor",
  "",
];

Deno.test("any value at any key is accepted or refused in words", () => {
  for (const key of KEYS.slice(0, 12)) {
    for (const value of VALUES) checkText(smallPipeline(`${key}: ${value}`));
  }
});

Deno.test("any nesting of keys and values is accepted or refused in words", () => {
  const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom<unknown>(
        null,
        true,
        0,
        -1,
        1.5,
        "",
        "cpu",
        "8x A100-SXM4-80GB",
        "accelerate",
        "1GiB",
      ),
      fc.array(tie("tree"), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom(...KEYS), tie("tree"), { maxKeys: 4 }),
    ),
  }));
  const pipeline = fc.dictionary(fc.constantFrom(...KEYS), tree, { maxKeys: 8 });
  fc.assert(
    fc.property(pipeline, (data) => checkText(JSON.stringify(data))),
    { seed: 32, numRuns: 800 },
  );
});

Deno.test("a good pipeline with one piece of text cut out or put in is accepted or refused in words", () => {
  const good = Deno.readTextFileSync(new URL("../../pipelines/tiny.yaml", import.meta.url));
  const place = fc.nat(good.length);
  fc.assert(
    fc.property(place, fc.nat(12), hostileText(4), (start, length, text) => {
      checkText(good.slice(0, start) + text + good.slice(start + length));
    }),
    { seed: 33, numRuns: 300 },
  );
});

Deno.test("every node that is read has its text", () => {
  const scalar = fc.oneof(
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.constantFrom("a", "ü", "😀 b"),
  );
  const { json } = fc.letrec<{ json: unknown }>((tie) => ({
    json: fc.oneof(
      { maxDepth: 3 },
      scalar,
      fc.array(tie("json"), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom("k", "l", "m"), tie("json"), { maxKeys: 3 }),
    ),
  }));
  fc.assert(
    fc.property(json, fc.nat(2), (data, indent) => {
      const text = JSON.stringify(data, null, indent);
      const root = parseYaml(text, PATH).value;
      if (root === undefined) return assert.equal(data, null);
      (function walk(node: SourceNode): void {
        const piece = text.slice(node.span.start, node.span.end);
        if (node.kind === "scalar") assert.deepEqual(JSON.parse(piece), node.value);
        else if (node.kind === "map") node.entries.forEach((entry) => walk(entry.value));
        else if (node.kind === "list") node.items.forEach(walk);
      })(root);
    }),
    { seed: 34, numRuns: 400 },
  );
});
