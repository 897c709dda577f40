/** The few ways in which the catalog looks at the disk, so that tests and other hosts can answer instead. */

/** What a path is. */
export interface FileStat {
  /** Links are followed. Devices and pipes are `other`: they have no size, and may have no end. */
  readonly kind: "file" | "directory" | "other";
  /** Size of a file. */
  readonly bytes: number;
}

/** Reads files. Every method throws what the system throws, except that a missing path is null for `stat`. */
export interface FileReader {
  /** Null when nothing is there. Links are followed. */
  stat(path: string): FileStat | null;
  /** Names in a folder, sorted. */
  list(path: string): string[];
  /** Whole text of a file as UTF-8. */
  readText(path: string): string;
  /** `length` bytes from `offset`, fewer where the file ends. */
  readRange(path: string, offset: number, length: number): Uint8Array;
}

/** The disk itself; needs read permission. */
export const diskReader: FileReader = {
  stat(path) {
    try {
      const info = Deno.statSync(path);
      const kind = info.isDirectory ? "directory" : info.isFile ? "file" : "other";
      return { kind, bytes: info.size };
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return null;
      if (error instanceof Deno.errors.NotADirectory) return null;
      throw error;
    }
  },
  list(path) {
    return Array.from(Deno.readDirSync(path), (entry) => entry.name).sort();
  },
  readText(path) {
    return Deno.readTextFileSync(path);
  },
  readRange(path, offset, length) {
    using file = Deno.openSync(path);
    file.seekSync(offset, Deno.SeekMode.Start);
    const bytes = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const read = file.readSync(bytes.subarray(filled));
      if (read === null) break;
      filled += read;
    }
    return bytes.subarray(0, filled);
  },
};
