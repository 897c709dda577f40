/** Offsets into a text, as lines and columns. */

/** Both count from 1; a column is a Unicode character, not a UTF-16 unit. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A line of a text with the offset at which it starts; without its line break. */
export interface Line {
  readonly number: number;
  readonly start: number;
  readonly text: string;
}

/** The line in which an offset stands; offsets beyond the text stand in its last line. */
export function lineAt(text: string, offset: number): Line {
  const at = Math.max(0, Math.min(offset, text.length));
  const start = at === 0 ? 0 : text.lastIndexOf("\n", at - 1) + 1;
  const next = text.indexOf("\n", at);
  const end = next === -1 ? text.length : next;
  let number = 1;
  for (let i = text.indexOf("\n"); i !== -1 && i < start; i = text.indexOf("\n", i + 1)) {
    number += 1;
  }
  return { number, start, text: text.slice(start, end).replace(/\r$/, "") };
}

/** Line and column of an offset. */
export function positionAt(text: string, offset: number): Position {
  const line = lineAt(text, offset);
  const before = text.slice(line.start, Math.max(line.start, Math.min(offset, text.length)));
  return { line: line.number, column: Array.from(before).length + 1 };
}
