/** Where values stand in the source text. */
import type { Diagnostic, Place, ValuePath } from "../diagnostics/diagnostic.ts";

/** Answers for a path of the file as written; a path that does not exist there gives its nearest ancestor. */
export interface Places {
  /** The value, or its key where the value is a block of several lines. */
  value(path: ValuePath): Place;
  /** The key, or the value where it is an item of a list. */
  key(path: ValuePath): Place;
  /** A scalar as it is written, such as `2.10`; undefined when there is no source text. */
  text(path: ValuePath): string | undefined;
}

/** For pipelines that have no source text. */
export const noPlaces: Places = {
  value: (path) => ({ path }),
  key: (path) => ({ path }),
  text: () => undefined,
};

/**
 * Gives a file and a span to diagnostics of later stages, which know the path of a value and no source text.
 */
export function withPlaces(
  diagnostics: readonly Diagnostic[],
  places: Places,
): readonly Diagnostic[] {
  return diagnostics.map((diagnostic) =>
    diagnostic.path === undefined || diagnostic.span !== undefined
      ? diagnostic
      : { ...diagnostic, ...places.value(diagnostic.path) }
  );
}

/** A path as people write it: `strategies[0].dtype`; the empty path is `the pipeline`. */
export function describePath(path: ValuePath): string {
  if (path.length === 0) return "the pipeline";
  let text = "";
  for (const part of path) {
    if (typeof part === "number") text += `[${part}]`;
    else if (/^[\w-]{1,60}$/.test(part)) text += text === "" ? part : `.${part}`;
    else text += `[${JSON.stringify(part.slice(0, 60))}]`;
  }
  return text;
}
