/** Nodes of a file to plain JSON data, with duplicate keys, aliases and oddities of YAML diagnosed. */
import type { Diagnostic, Outcome, Span } from "../diagnostics/diagnostic.ts";
import * as messages from "../diagnostics/messages/language_file.ts";
import { shorten } from "../diagnostics/quote.ts";
import { MAX_DEPTH, type SourceEntry, type SourceNode } from "./yaml.ts";

/** Far more than a grid or a model configuration needs. Bounds the work of every later step. */
const MAX_VALUES = 50_000;

/** A converted value; an alias shares it, so its whole size is known without expanding. */
interface Converted {
  readonly value: unknown;
  /** Values in it, itself included, aliases expanded. */
  readonly count: number;
  readonly depth: number;
}

/** Keys that are refused, with what to do about them. */
const REFUSED_KEYS: ReadonlyMap<string, string> = new Map([
  ["<<", "Write the keys out: YAML 1.2 has no merge key"],
  ["__proto__", "Remove the key"],
]);

const NOTHING: Converted = { value: null, count: 1, depth: 1 };

class Converter {
  readonly diagnostics: Diagnostic[] = [];
  /** Node by anchor, as of the place that is being read. */
  readonly #anchors: Map<string, SourceNode> = new Map();
  /** Undefined while a node is being converted: an alias of it stands inside it. */
  readonly #converted: Map<SourceNode, Converted | undefined> = new Map();
  readonly #file: string;
  #exceeded = false;

  constructor(file: string) {
    this.#file = file;
  }

  convert(node: SourceNode): Converted {
    if (node.kind === "alias") return this.#alias(node.name, node.span);
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, node);
    this.#converted.set(node, undefined);
    const converted = this.#limited(this.#plain(node), node.span);
    this.#converted.set(node, converted);
    return converted;
  }

  #report(make: (place: { file: string; span: Span }) => Diagnostic, span: Span): Converted {
    this.diagnostics.push(make({ file: this.#file, span }));
    return NOTHING;
  }

  #unsupported(what: string, advice: string, { span }: SourceNode): Converted {
    return this.#report((place) => messages.unsupportedYaml({ what, advice }, place), span);
  }

  /** Reports only the first value that is too large: those around it are too. */
  #limited(converted: Converted, span: Span): Converted {
    if (converted.count <= MAX_VALUES && converted.depth <= MAX_DEPTH) return converted;
    if (this.#exceeded) return NOTHING;
    this.#exceeded = true;
    return converted.count > MAX_VALUES
      ? this.#report((place) => messages.tooManyValues({ limit: MAX_VALUES }, place), span)
      : this.#report((place) => messages.nestedTooDeeply({ limit: MAX_DEPTH }, place), span);
  }

  #alias(alias: string, span: Span): Converted {
    const target = this.#anchors.get(alias);
    const converted = target && this.#converted.get(target);
    if (converted !== undefined) return converted;
    const contained = target !== undefined;
    return this.#report((place) => messages.badAlias({ alias, contained }, place), span);
  }

  #plain(node: SourceNode): Converted {
    if (node.kind === "map") return this.#map(node.entries);
    if (node.kind === "list") {
      const items = node.items.map((item) => this.convert(item));
      return this.#collection(items.map((item) => item.value), items);
    }
    const { value, source } = node.kind === "scalar" ? node : { value: null, source: "" };
    if (typeof value === "number" && !Number.isFinite(value)) {
      const what = `The number ${shorten(source)}`;
      return this.#unsupported(what, "Write a finite number, or quotes round a text", node);
    }
    if (
      value === null || typeof value === "string" || typeof value === "number" ||
      typeof value === "boolean"
    ) {
      return { value, count: 1, depth: 1 };
    }
    return this.#unsupported("A value that is not plain data", "Write it as text", node);
  }

  #collection(value: unknown, parts: readonly Converted[]): Converted {
    let count = 1;
    let depth = 0;
    for (const part of parts) {
      count += part.count;
      depth = Math.max(depth, part.depth);
    }
    return { value, count, depth: depth + 1 };
  }

  #map(entries: readonly SourceEntry[]): Converted {
    const value: Record<string, unknown> = {};
    const parts: Converted[] = [];
    for (const entry of entries) {
      const key = keyText(entry.key);
      if (key === undefined) {
        this.#unsupported("A key that is not plain text", "Write the key as text", entry.key);
        continue;
      }
      const advice = REFUSED_KEYS.get(key);
      if (advice !== undefined) {
        this.#unsupported(`The key "${key}"`, advice, entry.key);
        continue;
      }
      if (Object.hasOwn(value, key)) {
        this.#report((place) => messages.duplicateKey({ key }, place), entry.key.span);
        continue;
      }
      const part = this.convert(entry.value);
      parts.push(part);
      value[key] = part.value;
    }
    return this.#collection(value, parts);
  }
}

/** A key as written, so that `0` and `1.0` stay what they are; undefined when it cannot be a text. */
export function keyText(node: SourceNode): string | undefined {
  if (node.kind !== "scalar" || node.value === null) return undefined;
  return typeof node.value === "string" ? node.value : node.source;
}

/** The plain value of a node; no value when anything is wrong with it. */
export function plainValue(root: SourceNode, file: string): Outcome<unknown> {
  const converter = new Converter(file);
  const { value } = converter.convert(root);
  const { diagnostics } = converter;
  return diagnostics.length > 0 ? { diagnostics } : { value, diagnostics };
}
