import assert from "node:assert/strict";
import fc from "fast-check";
import { hostileText } from "../texts.ts";
import { escapeUnsafe, listWords, quote, shorten } from "../../lib/diagnostics/quote.ts";

Deno.test("what a terminal would act upon is shown as an escape", () => {
  assert.equal(escapeUnsafe("a\x1b[31mb"), "a\\x1b[31mb");
  assert.equal(escapeUnsafe("\r\n\t\x00"), "\\x0d\\x0a\\x09\\x00");
  assert.equal(
    escapeUnsafe("\u202etxt\u2028\ufeff\ud800"),
    "\\u{202e}txt\\u{2028}\\u{feff}\\u{d800}",
  );
});

Deno.test("letters of every script stay", () => {
  for (const text of ["plain", "é ü", "模型", "😀", "a|b*c`d`"]) {
    assert.equal(escapeUnsafe(text), text);
  }
});

Deno.test("nothing unsafe is left, whatever the text", () => {
  fc.assert(
    fc.property(hostileText(), (text) => {
      assert.doesNotMatch(escapeUnsafe(text), /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
      assert.doesNotMatch(quote(text), /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
    }),
    { seed: 12, numRuns: 500 },
  );
});

Deno.test("a long text is cut, never through a character", () => {
  assert.equal(shorten("abcdef", 6), "abcdef");
  assert.equal(shorten("abcdefg", 6), "abc...");
  assert.equal(shorten("ab😀cdefg", 6), "ab...");
  assert.equal(quote("x".repeat(100), 10), '"xxxxxxx..."');
});

Deno.test("words are listed as in a sentence", () => {
  assert.equal(listWords([]), "");
  assert.equal(listWords(["a"]), "a");
  assert.equal(listWords(["a", "b"]), "a and b");
  assert.equal(listWords(["a", "b", "c"], "or"), "a, b or c");
});
