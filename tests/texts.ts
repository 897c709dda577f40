/** Texts for property tests: what means something to YAML, a terminal, a shell, Markdown or UTF-16. */
import fc from "fast-check";

const PLAIN = ["a", "b", "Z", "0", "1", "9", ".", "_", "-", " "];
const YAML = [
  ":",
  ": ",
  "- ",
  "{",
  "}",
  "[",
  "]",
  ",",
  "#",
  "&",
  "*",
  "!",
  "|",
  ">",
  "?",
  "%",
  "@",
];
const QUOTES = ["'", '"', "`", "\\", "$", "(", ")", "<", "/", "~", ";"];
const BREAKS = ["\n", "\r", "\t", "\0", "\x0b", "\x85", "\u2028", "\u2029"];
const HIDDEN = [
  "\x1b",
  "\x1b[31m",
  "\x7f",
  "\x9b",
  "\u200b",
  "\u202e",
  "\u2066",
  "\ufeff",
  "\u00ad",
];
const WIDE = [
  "é",
  "e\u0301",
  "ß",
  "模",
  "ｗ",
  "😀",
  "👩‍👩‍👧",
  "\ud800",
  "\udc00",
  "\uffff",
  "\u{10ffff}",
];

/** A text of up to `maxLength` pieces, most of them hostile. */
export function hostileText(maxLength = 40): fc.Arbitrary<string> {
  const unit = fc.constantFrom(...PLAIN, ...YAML, ...QUOTES, ...BREAKS, ...HIDDEN, ...WIDE);
  return fc.array(unit, { maxLength }).map((parts) => parts.join(""));
}
