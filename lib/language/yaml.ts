/**
 * YAML 1.2 with source positions; the only module that knows the YAML library. It turns a text into nodes:
 * mappings, lists, scalars and aliases with their spans. What they mean is for `yaml_value.ts`.
 */
import {
  Composer,
  type CST,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Parser,
  type YAMLError,
} from "yaml";
import type { Diagnostic, Outcome, Span } from "../diagnostics/diagnostic.ts";
import * as messages from "../diagnostics/messages/language_file.ts";
import { furtherMistakes } from "../diagnostics/messages/language_meaning.ts";

/** Levels of mappings and lists; model configurations have about four. */
export const MAX_DEPTH = 64;

const MAX_SYNTAX_ERRORS = 20;

/** A node of the file, free of the library. `block` says that it stands on lines of its own. */
export type SourceNode =
  & { readonly span: Span; readonly anchor?: string }
  & (
    | { readonly kind: "scalar"; readonly value: unknown; readonly source: string }
    | { readonly kind: "map"; readonly block: boolean; readonly entries: readonly SourceEntry[] }
    | { readonly kind: "list"; readonly block: boolean; readonly items: readonly SourceNode[] }
    | { readonly kind: "alias"; readonly name: string }
  );

/** A key with its value; the value of a key that has none is a null scalar behind the key. */
export interface SourceEntry {
  readonly key: SourceNode;
  readonly value: SourceNode;
}

const ADVICE: Readonly<Record<string, string>> = {
  BAD_INDENT: "Let all keys of a mapping start in the same column",
  MISSING_CHAR: "Close the quote or bracket, or add the missing comma",
  MULTILINE_IMPLICIT_KEY: "Check for a missing colon or an unclosed quote in this line",
  TAB_AS_INDENT: "Indent with spaces",
  BLOCK_AS_IMPLICIT_KEY: "Put the inner mapping on a line of its own, or quote the text",
};

function syntaxError(error: YAMLError, file: string): Diagnostic {
  const span = { start: error.pos[0], end: Math.max(error.pos[0] + 1, error.pos[1]) };
  const advice = ADVICE[error.code];
  const problem = error.message.replace(/\s+/g, " ").replace(/\.$/, "");
  return messages.invalidYaml({ problem, ...(advice === undefined ? {} : { advice }) }, {
    file,
    span,
  });
}

/** The offset at which nesting passes the limit. Walks without recursion: the tree may be too deep for that. */
function tooDeepAt(token: CST.Token): number | undefined {
  const stack: { token: CST.Token; depth: number }[] = [{ token, depth: 0 }];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    if (next.depth > MAX_DEPTH) return next.token.offset;
    if (next.token.type === "document") {
      if (next.token.value) stack.push({ token: next.token.value, depth: next.depth + 1 });
    } else if ("items" in next.token) {
      for (const item of next.token.items) {
        if (item.key) stack.push({ token: item.key, depth: next.depth + 1 });
        if (item.value) stack.push({ token: item.value, depth: next.depth + 1 });
      }
    }
  }
  return undefined;
}

function spanOf(node: { range?: readonly number[] | null }, fallback: number): Span {
  const start = node.range?.[0] ?? fallback;
  return { start, end: node.range?.[1] ?? start };
}

function toSourceNode(node: unknown, fallback: number): SourceNode {
  if (isAlias(node)) return { kind: "alias", name: node.source, span: spanOf(node, fallback) };
  if (!isScalar(node) && !isMap(node) && !isSeq(node)) {
    return { kind: "scalar", value: null, source: "", span: { start: fallback, end: fallback } };
  }
  const span = spanOf(node, fallback);
  const anchor = node.anchor === undefined ? {} : { anchor: node.anchor };
  const block = !isScalar(node) && node.flow !== true;
  if (isMap(node)) {
    const entries = node.items.map((pair) => {
      const key = toSourceNode(pair.key, span.start);
      return { key, value: toSourceNode(pair.value, key.span.end) };
    });
    return { kind: "map", block, entries, span, ...anchor };
  }
  if (isSeq(node)) {
    const items = node.items.map((item) => toSourceNode(item, span.start));
    return { kind: "list", block, items, span, ...anchor };
  }
  return { kind: "scalar", value: node.value, source: node.source ?? "", span, ...anchor };
}

function compose(text: string, file: string): Outcome<readonly Document[]> {
  const tokens = [...new Parser().parse(text)];
  for (const token of tokens) {
    const start = tooDeepAt(token);
    if (start === undefined) continue;
    const place = { file, span: { start, end: start + 1 } };
    return { diagnostics: [messages.nestedTooDeeply({ limit: MAX_DEPTH }, place)] };
  }
  // Keys are compared in yaml_value.ts: the library compares each with each.
  const options = {
    prettyErrors: false,
    uniqueKeys: false,
    schema: "core",
    resolveKnownTags: false,
    merge: false,
    logLevel: "silent",
  } as const;
  const composer = new Composer(options);
  const documents = [...composer.compose(tokens, false, text.length)];
  return { value: documents as unknown as readonly Document[], diagnostics: [] };
}

/** Reads the one document of a text. Syntax errors come together, and then there is no value. */
export function parseYaml(text: string, file: string): Outcome<SourceNode> {
  const nul = text.indexOf("\0");
  if (nul !== -1) {
    return { diagnostics: [messages.notText({ reason: "it has NUL characters" }, { file })] };
  }
  const composed = compose(text, file);
  if (composed.value === undefined) return { diagnostics: composed.diagnostics };
  const errors = composed.value.flatMap((document) => [...document.errors, ...document.warnings]);
  if (errors.length > 0) {
    const shown = errors.slice(0, MAX_SYNTAX_ERRORS).map((error) => syntaxError(error, file));
    const rest = errors.length - shown.length;
    return { diagnostics: rest === 0 ? shown : [...shown, furtherMistakes({ count: rest })] };
  }
  const [document, second] = composed.value;
  if (second !== undefined) {
    const start = second.range?.[0] ?? 0;
    const place = { file, span: { start, end: start + 1 } };
    return { diagnostics: [messages.severalDocuments({}, place)] };
  }
  const root = toSourceNode(document?.contents, 0);
  if (root.kind === "scalar" && root.value === null) {
    return { diagnostics: [messages.emptyFile({}, { file })] };
  }
  return { value: root, diagnostics: [] };
}
