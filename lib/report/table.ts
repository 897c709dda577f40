/** A small table: aligned columns for terminals, pipes for Markdown. */
import { escapeUnsafe } from "../diagnostics/quote.ts";

/** One column; numbers stand to the right. */
export interface Column {
  readonly header: string;
  readonly align: "left" | "right";
  /** Whether a terminal that is too narrow for the table goes without it. @default false */
  readonly isSpare?: boolean;
}

/** Cells are plain text; whatever they contain stays one line and one cell. */
export interface Table {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly string[])[];
}

/** Columns from headers: the first `left` of them hold text, the others numbers. */
export function columnsOf(headers: readonly string[], left = 1): Column[] {
  return headers.map((header, index) => ({ header, align: index < left ? "left" : "right" }));
}

/**
 * Aligned columns, two spaces apart, a rule below the header, nothing at the ends of lines.
 *
 * @param most Columns of the terminal; a table that is wider goes without its spare columns, from the left.
 */
export function renderTextTable(table: Table, most = Infinity): string {
  const headers = table.columns.map((column) => escapeUnsafe(column.header));
  const rows = table.rows.map((row) => row.map(escapeUnsafe));
  const widths = headers.map((header, index) =>
    rows.reduce(
      (width, row) => Math.max(width, displayWidth(row[index] ?? "")),
      displayWidth(header),
    )
  );
  let shown = [...widths.keys()];
  const isTooWide = () => shown.reduce((sum, index) => sum + 2 + (widths[index] ?? 0), -2) > most;
  for (const [index, { isSpare }] of table.columns.entries()) {
    if (isSpare && isTooWide()) shown = shown.filter((each) => each !== index);
  }
  function line(cells: readonly string[]): string {
    return shown.map((index) =>
      pad(cells[index] ?? "", widths[index] ?? 0, table.columns[index]?.align ?? "left")
    ).join("  ").trimEnd();
  }
  const rule = shown.map((index) => "-".repeat(widths[index] ?? 0)).join("  ");
  return [line(headers), rule, ...rows.map(line)].join("\n");
}

/** A table of GitHub-flavoured Markdown, padded so that its source reads well too. */
export function renderMarkdownTable(table: Table): string {
  const headers = table.columns.map((column) => escapeMarkdown(column.header));
  const rows = table.rows.map((row) => row.map(escapeMarkdown));
  const widths = headers.map((header, index) =>
    rows.reduce(
      (width, row) => Math.max(width, displayWidth(row[index] ?? "")),
      Math.max(3, displayWidth(header)),
    )
  );
  function line(cells: readonly string[]): string {
    const padded = widths.map((width, index) =>
      pad(cells[index] ?? "", width, table.columns[index]?.align ?? "left")
    );
    return `| ${padded.join(" | ")} |`;
  }
  const rule = widths.map((width, index) =>
    table.columns[index]?.align === "right"
      ? `${"-".repeat(width - 1)}:`
      : `:${"-".repeat(width - 1)}`
  );
  return [line(headers), `| ${rule.join(" | ")} |`, ...rows.map(line)].join("\n");
}

/** What has a meaning within a line of Markdown; an underscore inside a word and a lone `&` have none. */
const MARKDOWN_REGEXP =
  /[\\`*~[\]<>|]|(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])|&(?=#?[\p{L}\p{N}]+;)/gu;

/** Text that Markdown shows as it is: nothing in it ends a cell, names a link, or starts HTML or code. */
export function escapeMarkdown(text: string): string {
  return escapeUnsafe(text).replace(MARKDOWN_REGEXP, "\\$&");
}

const ZERO_WIDTH_REGEXP = /[\p{Mn}\p{Me}\p{Cf}]/u;

/** First and last code points that terminals draw two columns wide. */
const WIDE_RANGES: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0xa4cf],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x1f300, 0x1faff],
  [0x20000, 0x3fffd],
];

/** Columns that a text takes in a terminal. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    if (point < 0x300) width += 1;
    else if (ZERO_WIDTH_REGEXP.test(character)) continue;
    else width += WIDE_RANGES.some(([first, last]) => point >= first && point <= last) ? 2 : 1;
  }
  return width;
}

function pad(text: string, width: number, align: Column["align"]): string {
  const space = " ".repeat(Math.max(0, width - displayWidth(text)));
  return align === "right" ? space + text : text + space;
}
