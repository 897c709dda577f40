/** Tells a plan that this tool has written by its first bytes. */
import type { FileReader } from "../catalog/files.ts";

/** The start of what `plan --out` and a run write: two blanks for a level, and the version first. */
const START = '{\n  "formatVersion": ';

/** Whether a file begins as a plan that this tool has written. */
export function beginsAsPlan(path: string, files: FileReader): boolean {
  const bytes = files.readRange(path, 0, START.length);
  return new TextDecoder().decode(bytes) === START;
}
