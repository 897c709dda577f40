/** Writes a large object as JSON piece by piece: a plan of ten thousand cells is fifty megabytes of text. */
import { replaceWhole } from "./run_folder.ts";

const CHUNK_CHARACTERS = 1 << 16;

/**
 * Writes what `JSON.stringify(object, null, 2)` gives, and a line end, so that a reader or a crash never sees half of it.
 * Lists at the top level are written item by item. Throws what the system throws.
 */
export function writeJsonWhole(path: string, object: object): void {
  replaceWhole(path, (temporary) => writePieces(temporary, jsonPieces(object)));
}

/** The text in pieces. */
export function* jsonPieces(object: object): Generator<string> {
  const entries = Object.entries(object).filter(([, value]) => value !== undefined);
  if (entries.length === 0) {
    yield "{}\n";
    return;
  }
  let separator = "{";
  for (const [key, value] of entries) {
    yield `${separator}\n  ${JSON.stringify(key)}: `;
    separator = ",";
    if (Array.isArray(value) && value.length > 0) yield* listPieces(value);
    else yield indented(value, "  ");
  }
  yield "\n}\n";
}

function* listPieces(list: readonly unknown[]): Generator<string> {
  let separator = "[";
  for (const item of list) {
    yield `${separator}\n    ${indented(item ?? null, "    ")}`;
    separator = ",";
  }
  yield "\n  ]";
}

/** A line end within a text is escaped, so every real one is the layout's. */
function indented(value: unknown, indent: string): string {
  return JSON.stringify(value, null, 2).replaceAll("\n", `\n${indent}`);
}

function writePieces(path: string, pieces: Iterable<string>): void {
  const encoder = new TextEncoder();
  using file = Deno.openSync(path, { write: true, create: true, truncate: true });
  let chunk = "";
  function flush(): void {
    const bytes = encoder.encode(chunk);
    for (let from = 0; from < bytes.length;) from += file.writeSync(bytes.subarray(from));
    chunk = "";
  }
  for (const piece of pieces) {
    chunk += piece;
    if (chunk.length > CHUNK_CHARACTERS) flush();
  }
  flush();
}
