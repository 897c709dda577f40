/** The folder of one run: made new, filled file by file, each whole or not at all. */
import { join } from "node:path";

/** Makes `<outDir>/<UTC time>-<name>`; a number is added when a run has started within the same second. */
export function makeRunFolder(outDir: string, name: string, now: Date): string {
  Deno.mkdirSync(outDir, { recursive: true });
  const time = now.toISOString().slice(0, 19).replaceAll(":", "-");
  const base = join(outDir, `${time}-${fileName(name)}`);
  for (let count = 1;; count += 1) {
    const folder = count === 1 ? base : `${base}-${count}`;
    try {
      Deno.mkdirSync(folder);
      return Deno.realPathSync(folder);
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    }
  }
}

/** A name as one plain part of a path, whatever it holds: letters, digits, `.`, `_` and `-`. */
export function fileName(name: string): string {
  const plain = name.replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^[.-]+/, "").slice(0, 80);
  return plain === "" ? "unnamed" : plain;
}

/** Writes a file so that a reader, or a crash, never sees half of it. */
export function writeWhole(path: string, text: string): void {
  replaceWhole(path, (temporary) => Deno.writeTextFileSync(temporary, text));
}

/** As `writeWhole`, for lines that are made while they are written. */
export function writeLinesWhole(path: string, lines: Iterable<string>): void {
  const encoder = new TextEncoder();
  replaceWhole(path, (temporary) => {
    using file = Deno.openSync(temporary, { write: true, create: true, truncate: true });
    for (const line of lines) {
      const bytes = encoder.encode(line);
      for (let from = 0; from < bytes.length;) from += file.writeSync(bytes.subarray(from));
    }
  });
}

/** As `writeWhole`, for a file that `write` fills under the name that it is given. */
export function replaceWhole(path: string, write: (temporary: string) => void): void {
  const temporary = `${path}.tmp`;
  try {
    write(temporary);
    Deno.renameSync(temporary, path);
  } catch (error) {
    try {
      Deno.removeSync(temporary);
    } catch { /* it was never made */ }
    throw error;
  }
}
