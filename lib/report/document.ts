/** What a view consists of, so that terminal and Markdown say the same. */
import { escapeUnsafe } from "../diagnostics/quote.ts";
import {
  displayWidth,
  escapeMarkdown,
  renderMarkdownTable,
  renderTextTable,
  type Table,
} from "./table.ts";

/** A piece of a document; texts are plain and untrusted. */
export type Block =
  | { readonly kind: "title"; readonly text: string }
  | { readonly kind: "heading"; readonly text: string }
  | { readonly kind: "paragraph"; readonly text: string }
  /** Lines that stand as they are. */
  | { readonly kind: "code"; readonly lines: readonly string[] }
  /** Names with their values, one a line. */
  | { readonly kind: "facts"; readonly facts: readonly (readonly [string, string])[] }
  | { readonly kind: "table"; readonly table: Table }
  /** Each item is a line, with the details below it. */
  | { readonly kind: "list"; readonly items: readonly ListItem[] };

/** One item of a list. */
export interface ListItem {
  readonly text: string;
  readonly details?: readonly string[];
}

/**
 * The blocks for a terminal, with a blank line between them and a newline at the end.
 *
 * @param width Columns of the terminal, where it is one.
 */
export function renderText(blocks: Iterable<Block>, width?: number): string {
  return [...partsOf(blocks, (block) => textOf(block, width))].join("");
}

/** The blocks as Markdown, with a newline at the end. */
export function renderMarkdown(blocks: Iterable<Block>): string {
  return [...markdownParts(blocks)].join("");
}

/** What `renderText` joins, made one by one: the tables of ten thousand cells are not needed at the same time. */
export function textParts(blocks: Iterable<Block>): Generator<string> {
  return partsOf(blocks, (block) => textOf(block));
}

/** What `renderMarkdown` joins. */
export function markdownParts(blocks: Iterable<Block>): Generator<string> {
  return partsOf(blocks, markdownOf);
}

/** Each ends with a newline, and all but the first begin with one. */
function* partsOf(
  blocks: Iterable<Block>,
  render: (block: Block) => string,
): Generator<string> {
  let isFirst = true;
  for (const block of blocks) {
    const text = render(block);
    if (text === "") continue;
    yield `${isFirst ? "" : "\n"}${text}\n`;
    isFirst = false;
  }
  if (isFirst) yield "\n";
}

function textOf(block: Block, width?: number): string {
  switch (block.kind) {
    case "title":
    case "heading":
    case "paragraph":
      return escapeUnsafe(block.text);
    case "code":
      return indented(block.lines, 2);
    case "facts": {
      const facts = block.facts.map((fact) => fact.map(escapeUnsafe));
      const width = Math.max(0, ...facts.map(([name = ""]) => displayWidth(name)));
      return facts.map(([name = "", value = ""]) =>
        `${name}${" ".repeat(width - displayWidth(name))}  ${value}`
      ).join("\n");
    }
    case "table":
      return renderTextTable(block.table, width);
    case "list":
      return block.items.flatMap(({ text, details = [] }) => [
        `  ${escapeUnsafe(text)}`,
        ...details.map((detail) => `      ${escapeUnsafe(detail)}`),
      ]).join("\n");
  }
}

function indented(lines: readonly string[], spaces: number): string {
  return lines.map((line) => `${" ".repeat(spaces)}${escapeUnsafe(line)}`.trimEnd()).join("\n");
}

/** A text at the start of a line of Markdown: nothing in it starts a heading, a list or a rule there. */
function escapeMarkdownStart(text: string): string {
  return escapeMarkdown(text).replace(/^(\d*)(?=[-#+=]|(?<=\d)[.)])/, "$1\\");
}

function markdownOf(block: Block): string {
  switch (block.kind) {
    case "title":
      return `# ${escapeMarkdown(block.text)}`;
    case "heading":
      return `## ${escapeMarkdown(block.text)}`;
    case "paragraph":
      return escapeMarkdownStart(block.text);
    case "code":
      return indented(block.lines, 4); // no fence that a line could end
    case "facts":
      return block.facts.map(([name, value]) =>
        `- **${escapeMarkdown(name)}**: ${escapeMarkdown(value)}`
      ).join("\n");
    case "table":
      return renderMarkdownTable(block.table);
    case "list":
      return block.items.flatMap(({ text, details = [] }) => [
        `- ${escapeMarkdownStart(text)}`,
        ...details.map((detail) => `  - ${escapeMarkdownStart(detail)}`),
      ]).join("\n");
  }
}
