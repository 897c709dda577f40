/** The files that a command names: a script that has changed makes other results. */
import { resolve } from "node:path";
import type { FileReader } from "../../catalog/files.ts";
import type { ScriptSpec } from "../../language/pipeline.ts";

/** A file among the words of a command. */
export interface CommandFile {
  /** Absolute. */
  readonly path: string;
  readonly bytes: number;
  /** What of it is hashed: its first bytes, where it is very large. */
  readonly headBytes: number;
}

/** Scripts are small; what is larger is data, and its start and size stand for it. */
const HEAD_BYTES = 4 * 2 ** 20;

/** The words that name a file, from the folder of the pipeline; what cannot be read is not one. */
export function commandFiles(
  { command }: ScriptSpec,
  baseDirectory: string,
  files: FileReader,
): CommandFile[] {
  const paths = new Set(command.map((word) => resolve(baseDirectory, word)));
  return [...paths].flatMap((path): CommandFile[] => {
    try {
      const stat = files.stat(path);
      if (stat?.kind !== "file") return [];
      return [{ path, bytes: stat.bytes, headBytes: Math.min(stat.bytes, HEAD_BYTES) }];
    } catch {
      return [];
    }
  });
}
