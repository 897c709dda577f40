/** Reads a JSON object that somebody else wrote. */
import type { FileReader } from "./files.ts";

/** A file's object, or in words why there is none. */
export type JsonObjectResult =
  | { readonly object: Readonly<Record<string, unknown>> }
  | { readonly problem: string };

/** Reads a file of at most `maxBytes` as a JSON object. Never throws. */
export function readJsonObject(
  path: string,
  files: FileReader,
  maxBytes: number,
): JsonObjectResult {
  let text: string;
  try {
    const stat = files.stat(path);
    if (stat === null) return { problem: "it does not exist" };
    if (stat.kind === "directory") return { problem: "it is a folder" };
    if (stat.kind !== "file") return { problem: "it is not a file" };
    if (stat.bytes > maxBytes) {
      return { problem: `it has ${stat.bytes} bytes, more than the ${maxBytes} that are read` };
    }
    text = files.readText(path);
  } catch (error) {
    return { problem: reasonOf(error) };
  }
  return parseJsonObject(text);
}

function parseJsonObject(text: string): JsonObjectResult {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (error) {
    return { problem: `it is not JSON (${reasonOf(error)})` };
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    return { problem: "it is not a JSON object" };
  }
  return { object: parsed as Record<string, unknown> };
}

/** What was thrown, in the few words that follow a colon. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const line = (text.split("\n")[0] ?? "").replace(/ \(os error \d+\).*$/, "");
  return line.replace(/^[A-Z](?=[a-z])/, (letter) => letter.toLowerCase());
}
