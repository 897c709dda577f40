/** One source line, made safe and short enough to show, and where its carets go. */
import type { Span } from "./diagnostic.ts";
import type { Line } from "./position.ts";
import { escapeUnsafe } from "./quote.ts";

/** Columns count from 0 and are columns of a terminal. */
export interface Excerpt {
  /** Number of the line, from 1. */
  readonly line: number;
  readonly text: string;
  readonly caretStart: number;
  /** At least 1. */
  readonly caretLength: number;
}

interface Glyph {
  readonly text: string;
  readonly width: number;
  /** Offset in the source text. */
  readonly offset: number;
}

const CONTEXT_WIDTH = 20;
const WIDE_REGEXP =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}]/u;
const ZERO_WIDTH_REGEXP = /\p{Mn}/u;

function glyph(character: string, offset: number): Glyph {
  if (character === "\t") return { text: "    ", width: 4, offset };
  const text = escapeUnsafe(character);
  if (text !== character) return { text, width: text.length, offset };
  const width = WIDE_REGEXP.test(text) ? 2 : ZERO_WIDTH_REGEXP.test(text) ? 0 : 1;
  return { text, width, offset };
}

/** Only what can be seen is measured: a line may be a million characters long. */
function glyphsAround(line: Line, start: number, width: number): readonly Glyph[] {
  let from = start - width < line.start ? line.start : start - width;
  const before = line.text.charCodeAt(from - line.start);
  if (before >= 0xdc00 && before <= 0xdfff && from > line.start) from -= 1;
  const glyphs: Glyph[] = [];
  let offset = from;
  for (const character of line.text.slice(from - line.start, from - line.start + 3 * width)) {
    glyphs.push(glyph(character, offset));
    offset += character.length;
  }
  return glyphs;
}

function totalWidth(glyphs: readonly Glyph[]): number {
  return glyphs.reduce((sum, each) => sum + each.width, 0);
}

/**
 * Cuts a line around the start of a span. A span that goes on in the next line is marked up to the end of
 * this one.
 *
 * @param width Columns that the shown text may take.
 */
export function excerpt(line: Line, span: Span, width: number): Excerpt {
  const start = Math.min(Math.max(span.start, line.start), line.start + line.text.length);
  const end = Math.max(start, Math.min(span.end, line.start + line.text.length));
  const glyphs = glyphsAround(line, start, width);
  let first = 0;
  const whole = glyphs[0]?.offset === line.start &&
    glyphs.length < 3 * width && totalWidth(glyphs) <= width;
  if (!whole) {
    const caret = glyphs.findIndex((each) => each.offset >= start);
    first = caret === -1 ? glyphs.length : caret;
    const rest = totalWidth(glyphs.slice(first));
    for (let room = Math.max(CONTEXT_WIDTH, width - rest); first > 0 && room > 0; first -= 1) {
      room -= glyphs[first - 1]?.width ?? 0;
    }
  }
  const shown: Glyph[] = [];
  let room = width;
  for (const each of glyphs.slice(first)) {
    room -= each.width;
    if (room < 0) break;
    shown.push(each);
  }
  const cutBefore = (shown[0]?.offset ?? start) > line.start;
  const lastShown = shown.at(-1);
  const shownEnd = lastShown === undefined ? start : lastShown.offset + 1;
  const cutAfter = shownEnd < line.start + line.text.length &&
    lastShown !== glyphs.at(-1);
  const lead = cutBefore ? "..." : "";
  const marked = shown.filter((each) => each.offset >= start && each.offset < end);
  return {
    line: line.number,
    text: `${lead}${shown.map((each) => each.text).join("")}${cutAfter ? "..." : ""}`,
    caretStart: lead.length + totalWidth(shown.filter((each) => each.offset < start)),
    caretLength: Math.max(1, totalWidth(marked)),
  };
}
