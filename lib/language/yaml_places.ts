/** Paths of values to spans of the text, through the nodes of the file. */
import type { Place, Span, ValuePath } from "../diagnostics/diagnostic.ts";
import type { Places } from "./places.ts";
import type { SourceEntry, SourceNode } from "./yaml.ts";
import { keyText } from "./yaml_value.ts";

/** A node and the key that it stands behind. */
interface Step {
  readonly node: SourceNode;
  readonly key?: Span;
}

/** Entries by key for each mapping that was asked for: a file may have as many mistakes as keys. */
type EntryIndex = WeakMap<SourceNode, ReadonlyMap<string | undefined, SourceEntry>>;

function child(step: Step, part: string | number, index: EntryIndex): Step | undefined {
  const { node } = step;
  if (node.kind === "map") {
    const entries = index.get(node) ??
      new Map(node.entries.map((each) => [keyText(each.key), each]));
    index.set(node, entries);
    const entry = entries.get(String(part));
    return entry && { node: entry.value, key: entry.key.span };
  }
  if (node.kind === "list") {
    const item = node.items[Number(part)];
    return item && { node: item };
  }
  return undefined;
}

/** Follows a path as far as it goes. What stands behind an alias has the place of the alias. */
function follow(root: SourceNode, path: ValuePath, index: EntryIndex): Step {
  let step: Step = { node: root };
  for (const part of path) {
    const next = child(step, part, index);
    if (next === undefined) return step;
    step = next;
  }
  return step;
}

function valueSpan({ node, key }: Step): Span {
  const empty = node.span.start >= node.span.end;
  const block = (node.kind === "map" || node.kind === "list") && node.block;
  return key !== undefined && (empty || block) ? key : node.span;
}

/** The start of the file stands for the whole. */
function wholeFile(root: SourceNode): Span {
  return { start: root.span.start, end: root.span.start + 1 };
}

/** Places in a file that has been read. */
export function placesOf(root: SourceNode, file: string): Places {
  const index: EntryIndex = new WeakMap();
  function value(path: ValuePath): Place {
    const step = follow(root, path, index);
    return { file, span: step.node === root ? wholeFile(root) : valueSpan(step), path };
  }
  function key(path: ValuePath): Place {
    const step = follow(root, path, index);
    return { ...value(path), ...(step.key === undefined ? {} : { span: step.key }) };
  }
  function text(path: ValuePath): string | undefined {
    const { node } = follow(root, path, index);
    return node.kind === "scalar" ? node.source : undefined;
  }
  return { value, key, text };
}
