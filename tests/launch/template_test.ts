import assert from "node:assert/strict";
import { hostileText } from "../texts.ts";
import fc from "fast-check";
import { oneLine, renderTemplate, shellQuote } from "../../lib/launch/template.ts";

const HOSTILE: readonly string[] = [
  "",
  "plain",
  "two words",
  "it's",
  "'''",
  `"$(touch /tmp/owned)"`,
  "`id`; rm -rf /",
  "$HOME ${IFS} $'x'",
  "back\\slash\\",
  "line\nbreak\r\ttab",
  "-n",
  "*?[a-z]~#!&|<>(){}",
  "模型 é 🚀",
  "{{ 7 * 7 }}{% for a in b %}",
];

async function bash(script: string): Promise<string> {
  const command = new Deno.Command("bash", {
    args: ["--norc", "--noprofile", "-c", script],
    stdout: "piped",
    stderr: "piped",
  });
  const { stdout, stderr, success } = await command.output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

/** The words as a shell reads them, each ended by NUL. */
async function readWords(words: readonly string[]): Promise<string[]> {
  const text = await bash(`printf '%s\\0' ${words.map(shellQuote).join(" ")}`);
  return text.split("\0").slice(0, -1);
}

Deno.test("a real shell reads a quoted word as it was", async () => {
  assert.deepEqual(await readWords(HOSTILE), HOSTILE);
});

Deno.test("a real shell reads any words as they were", async () => {
  const word = hostileText().map((text) => text.replaceAll("\0", ""));
  const [words = []] = fc.sample(fc.array(word, { minLength: 500, maxLength: 500 }), {
    seed: 4,
    numRuns: 1,
  });
  // Lone surrogates have no UTF-8, in which words reach the shell.
  const wellFormed = words.map((text) => text.toWellFormed());
  assert.deepEqual(await readWords(wellFormed), wellFormed);
});

Deno.test("a word with a NUL cannot be quoted", () => {
  assert.throws(() => shellQuote("a\0b"), /Cannot quote a shell word/);
});

Deno.test("numbers are quoted as their digits", () => {
  assert.equal(shellQuote(8), "'8'");
});

Deno.test("a comment stays on its line and holds no control character", () => {
  for (const text of HOSTILE) {
    assert.doesNotMatch(oneLine(text), /[\p{Cc}\p{Zl}\p{Zp}]/u);
  }
  assert.equal(oneLine("a\r\nrm -rf /"), "a rm -rf /");
  assert.equal(oneLine("a\u2028b\u0085c"), "a b c");
});

Deno.test("text that would reorder the line is not in a comment", () => {
  assert.doesNotMatch(oneLine("a\u202e\u2066b"), /\p{Cf}/u);
});

Deno.test("a value that looks like a template is text", () => {
  assert.equal(renderTemplate("{{ name }}", { name: "{{ 7 * 7 }}" }), "{{ 7 * 7 }}");
});

Deno.test("a missing value is an error, not an empty place", () => {
  assert.throws(() => renderTemplate("{{ name }}", {}), /undefined/);
});
