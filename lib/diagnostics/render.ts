/**
 * Diagnostics as text for people and as plain objects for programs. Both are pure; the caller prints. What
 * stands in the texts may come from a hostile file, so every character that a terminal acts upon is escaped
 * here, whatever the message did.
 */
import { styleText } from "node:util";
import type { Diagnostic, Severity, Span, ValuePath } from "./diagnostic.ts";
import { lineAt, type Position, positionAt } from "./position.ts";
import { type Excerpt, excerpt } from "./excerpt.ts";
import { escapeUnsafe } from "./quote.ts";
import { sortDiagnostics } from "./sort.ts";

/** How `renderText` finds and draws the source. */
export interface RenderOptions {
  /** The text of a file by the name that its diagnostics carry; undefined when it is not at hand. */
  readonly source?: (file: string) => string | undefined;
  /** @default {false} */
  readonly color?: boolean;
  /** Longest source line before it is cut around the caret. @default {100} */
  readonly width?: number;
}

/** A diagnostic with its place spelled out; what `--format json` prints. */
export interface MachineDiagnostic {
  readonly code: string;
  readonly severity: Severity;
  readonly message: string;
  readonly help?: string;
  readonly file?: string;
  readonly start?: Position;
  readonly end?: Position;
  readonly span?: Span;
  readonly path?: ValuePath;
}

type Style = Parameters<typeof styleText>[0];
type Paint = (style: Style, text: string) => string;

const SEVERITY_STYLE: Readonly<Record<Severity, Style>> = {
  error: ["bold", "red"],
  warning: ["bold", "yellow"],
  info: ["bold", "cyan"],
};

function paintColor(style: Style, text: string): string {
  return styleText(style, text, { validateStream: false });
}

function paintNothing(_style: Style, text: string): string {
  return text;
}

function escapeLines(text: string, indent: number): string {
  return text.split("\n").map(escapeUnsafe).join(`\n${" ".repeat(indent)}`);
}

function renderExcerpt(cut: Excerpt, style: Style, paint: Paint): string[] {
  const gutter = String(cut.line);
  const blank = " ".repeat(gutter.length);
  const bar = paint("blue", "|");
  const carets = paint(style, "^".repeat(cut.caretLength));
  return [
    `${blank} ${bar}`,
    `${paint("blue", gutter)} ${bar} ${cut.text}`.trimEnd(),
    `${blank} ${bar} ${" ".repeat(cut.caretStart)}${carets}`,
  ];
}

function renderOne(diagnostic: Diagnostic, options: RenderOptions): string {
  const paint = options.color ? paintColor : paintNothing;
  const style = SEVERITY_STYLE[diagnostic.severity];
  const head = paint(style, `${diagnostic.severity}[${diagnostic.code}]`);
  const lines = [`${head}: ${paint("bold", escapeLines(diagnostic.message, 2))}`];
  let blank = " ";
  if (diagnostic.file !== undefined) {
    const file = escapeUnsafe(diagnostic.file);
    const arrow = paint("blue", "-->");
    const text = options.source?.(diagnostic.file);
    if (diagnostic.span !== undefined && text !== undefined) {
      const at = positionAt(text, diagnostic.span.start);
      const cut = excerpt(
        lineAt(text, diagnostic.span.start),
        diagnostic.span,
        options.width ?? 100,
      );
      blank = " ".repeat(String(cut.line).length);
      lines.push(`${blank}${arrow} ${file}:${at.line}:${at.column}`);
      lines.push(...renderExcerpt(cut, style, paint));
    } else {
      lines.push(` ${arrow} ${file}`);
    }
  }
  if (diagnostic.help !== undefined) {
    const indent = blank.length + "= help: ".length + 1;
    const mark = paint("blue", "=");
    lines.push(
      `${blank} ${mark} ${paint("bold", "help")}: ${escapeLines(diagnostic.help, indent)}`,
    );
  }
  return `${lines.join("\n")}\n`;
}

/**
 * Text in the manner of a compiler: severity and code, message, place, source line with carets, help. Sorted
 * by place, an empty line between two; empty text for no diagnostics.
 */
export function renderText(
  diagnostics: readonly Diagnostic[],
  options: RenderOptions = {},
): string {
  return sortDiagnostics(diagnostics).map((diagnostic) => renderOne(diagnostic, options)).join(
    "\n",
  );
}

/** Plain objects with lines and columns, sorted as `renderText` sorts. */
export function renderMachine(
  diagnostics: readonly Diagnostic[],
  options: Pick<RenderOptions, "source"> = {},
): readonly MachineDiagnostic[] {
  return sortDiagnostics(diagnostics).map((diagnostic) => {
    const { file, span, path, help } = diagnostic;
    const text = file === undefined ? undefined : options.source?.(file);
    const positions = span === undefined || text === undefined
      ? {}
      : { start: positionAt(text, span.start), end: positionAt(text, span.end) };
    return {
      code: diagnostic.code,
      severity: diagnostic.severity,
      message: escapeLines(diagnostic.message, 0),
      ...(help === undefined ? {} : { help: escapeLines(help, 0) }),
      ...(file === undefined ? {} : { file }),
      ...positions,
      ...(span === undefined ? {} : { span }),
      ...(path === undefined ? {} : { path }),
    };
  });
}
