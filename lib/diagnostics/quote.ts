/**
 * Makes text from a file, a log or a model folder safe to show: nothing in it may move the cursor, change
 * colours or reorder the line.
 */

/** Controls, bidirectional and other invisible format characters, line separators, lone surrogates. */
const UNSAFE_REGEXP = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

function escapeCharacter(character: string): string {
  const point = character.codePointAt(0) ?? 0;
  if (point <= 0xff) return `\\x${point.toString(16).padStart(2, "0")}`;
  return `\\u{${point.toString(16)}}`;
}

/** Replaces every character that a terminal could act upon by an escape such as `\x1b`. */
export function escapeUnsafe(text: string): string {
  return text.replace(UNSAFE_REGEXP, escapeCharacter);
}

/** The first `length` characters of a text, with an ellipsis where something was cut. */
export function shorten(text: string, length = 60): string {
  if (text.length <= length) return text;
  return `${text.slice(0, length - 3).replace(/[\uD800-\uDBFF]$/, "")}...`;
}

/** A string of the user inside a message: in double quotes, shortened, escaped. */
export function quote(text: string, length = 60): string {
  return `"${escapeUnsafe(shorten(text, length))}"`;
}

/** Words in the manner of a sentence: `a, b and c`. */
export function listWords(words: readonly string[], conjunction: "and" | "or" = "and"): string {
  const last = words.at(-1) ?? "";
  if (words.length < 2) return last;
  return `${words.slice(0, -1).join(", ")} ${conjunction} ${last}`;
}
