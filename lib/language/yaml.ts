/**
 * YAML 1.2 with source positions; the only module that knows the YAML library. It turns a text into nodes:
 * mappings, lists, scalars and aliases with their spans. What they mean is for `yaml_value.ts`.
 */
import process from "node:process";
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
import { wordSyntaxError } from "./yaml_errors.ts";

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

/** A bracket or a quote that opens and never closes. */
interface Opening {
  readonly offset: number;
  /** Where the token ends: at the place that the library complains of. */
  readonly end: number;
  readonly closing: string;
}

function openingOf(token: CST.Token): Opening | undefined {
  if (token.type === "flow-collection") {
    const [closing, end] = token.start.source === "{"
      ? ["}", "flow-map-end"]
      : ["]", "flow-seq-end"];
    if (token.end.some(({ type }) => type === end)) return undefined;
    return { offset: token.offset, end: Infinity, closing };
  }
  if (token.type !== "double-quoted-scalar" && token.type !== "single-quoted-scalar") {
    return undefined;
  }
  const closing = token.source.charAt(0);
  return { offset: token.offset, end: token.offset + token.source.length, closing };
}

/** Where the carets go: at what was opened, rather than at the end of the file where it was missed. */
function errorStart({ message, pos: [start] }: YAMLError, openings: readonly Opening[]): number {
  const quoted = /^Missing closing/.test(message);
  const closing = / end with an? (.)$/.exec(message)?.[1];
  if (!quoted && closing === undefined) return start;
  const opening = openings.findLast(({ offset, end, closing: other }) =>
    quoted ? end === start : offset < start && other === closing
  );
  return opening?.offset ?? start;
}

function syntaxError(error: YAMLError, openings: readonly Opening[], file: string): Diagnostic {
  const start = errorStart(error, openings);
  const end = start === error.pos[0] ? Math.max(start + 1, error.pos[1]) : start + 1;
  const place = { file, span: { start, end } };
  if (error.code === "TAG_RESOLVE_FAILED") {
    return messages.unsupportedYaml({ what: "A tag", advice: "Remove the tag" }, place);
  }
  return messages.invalidYaml(wordSyntaxError(error), place);
}

/** The first mistake of each line: what the library says further about it is a consequence. */
function firstOfLines(errors: readonly YAMLError[], text: string): readonly YAMLError[] {
  let lineEnd = -1;
  return errors.toSorted((a, b) => a.pos[0] - b.pos[0]).filter(({ pos: [start] }) => {
    if (start <= lineEnd) return false;
    const next = text.indexOf("\n", start);
    lineEnd = next === -1 ? text.length : next;
    return true;
  });
}

/** Every token with its depth. Walks without recursion: the tree may be too deep for that. */
function* walk(root: CST.Token): Generator<{ token: CST.Token; depth: number }> {
  const stack: { token: CST.Token; depth: number }[] = [{ token: root, depth: 0 }];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { token, depth } = next;
    yield next;
    if (token.type === "document") {
      if (token.value) stack.push({ token: token.value, depth: depth + 1 });
    } else if ("items" in token) {
      for (const item of token.items) {
        if (item.key) stack.push({ token: item.key, depth: depth + 1 });
        if (item.value) stack.push({ token: item.value, depth: depth + 1 });
      }
    }
  }
}

/** The offset at which nesting passes the limit. */
function tooDeepAt(root: CST.Token): number | undefined {
  for (const { token, depth } of walk(root)) {
    if (depth > MAX_DEPTH) return token.offset;
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

interface Composed {
  readonly documents: readonly Document[];
  readonly tokens: readonly CST.Token[];
}

/**
 * The library looks into the environment for switches that make it print what it parses. Parsing needs
 * neither that output nor the permission to read the environment.
 */
function withoutEnvironment<T>(work: () => T): T {
  const environment = process.env;
  process.env = {};
  try {
    return work();
  } finally {
    process.env = environment;
  }
}

function compose(text: string, file: string): Outcome<Composed> {
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
  const documents = [...new Composer(options).compose(tokens, false, text.length)];
  return { value: { documents: documents as unknown as Document[], tokens }, diagnostics: [] };
}

/** Warnings are errors too, but for a closing bracket at the start of a line, which is common style. */
function errorsOf({ errors, warnings }: Document): readonly YAMLError[] {
  return [...errors, ...warnings.filter(({ code }) => code !== "BAD_INDENT")];
}

/** Reads the one document of a text. Syntax errors come together, and then there is no value. */
export function parseYaml(text: string, file: string): Outcome<SourceNode> {
  const nul = text.indexOf("\0");
  if (nul !== -1) {
    return { diagnostics: [messages.notText({ reason: "it has NUL characters" }, { file })] };
  }
  const composed = withoutEnvironment(() => compose(text, file));
  if (composed.value === undefined) return { diagnostics: composed.diagnostics };
  const { documents, tokens } = composed.value;
  const errors = firstOfLines(documents.flatMap(errorsOf), text);
  if (errors.length > 0) {
    const openings = tokens.flatMap((token) =>
      [...walk(token)].flatMap((each) => openingOf(each.token) ?? [])
    ).toSorted((a, b) => a.offset - b.offset);
    const shown = errors.slice(0, MAX_SYNTAX_ERRORS)
      .map((error) => syntaxError(error, openings, file));
    const rest = errors.length - shown.length;
    return { diagnostics: rest === 0 ? shown : [...shown, furtherMistakes({ count: rest })] };
  }
  const [document, second] = documents;
  if (second !== undefined) {
    const start = second.range?.[0] ?? 0;
    const place = { file, span: { start, end: start + (text.startsWith("---", start) ? 3 : 1) } };
    return { diagnostics: [messages.severalDocuments({}, place)] };
  }
  const root = toSourceNode(document?.contents, 0);
  if (root.kind === "scalar" && root.value === null) {
    return { diagnostics: [messages.emptyFile({}, { file })] };
  }
  return { value: root, diagnostics: [] };
}
