/**
 * The journal of a run: what was started and what has ended, in a file that is only ever appended to. A line is the
 * CRC-32 of its JSON in eight hex digits, a blank, and the JSON; it is on the disk before `append` returns. So a
 * process that is killed, a machine that loses its power or a disk that fills up can tear the last line at most, and a
 * torn line is told from a whole one.
 */
import type { JournalRecord } from "./journal_records.ts";
import { checksum, JournalScan } from "./journal_scan.ts";

/** Name of the journal in a run's folder. */
export const JOURNAL_FILE = "journal.jsonl";

/** A record as a line of the file. */
export function journalLine(record: JournalRecord): string {
  const text = JSON.stringify(record);
  return `${checksum(text)} ${text}\n`;
}

/** A journal that is open for appending. One process at a time: the run's lock sees to that. */
export class Journal {
  readonly #file: Deno.FsFile;
  #length: number;

  private constructor(file: Deno.FsFile, length: number) {
    this.#file = file;
    this.#length = length;
  }

  /**
   * Opens or makes a journal; a torn end is cut off. Throws what the system throws.
   *
   * @param read Makes something of all the records.
   */
  static open<T>(
    path: string,
    read: (records: Iterable<JournalRecord>) => T,
  ): { journal: Journal; value: T; damagedLines: readonly number[] } {
    const file = Deno.openSync(path, { read: true, write: true, create: true });
    try {
      const scan = new JournalScan((into) => file.readSync(into));
      const value = read(scan.records());
      if (!scan.isComplete) throw new Error("A journal is opened when all of it was read");
      const { wholeBytes, damagedLines } = scan;
      file.truncateSync(wholeBytes);
      file.syncSync();
      file.seekSync(wholeBytes, Deno.SeekMode.Start);
      return { journal: new Journal(file, wholeBytes), value, damagedLines };
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** Appends a record, durably. Where that fails the file is as it was before, and the error is thrown. */
  append(record: JournalRecord): void {
    const bytes = new TextEncoder().encode(journalLine(record));
    try {
      for (let from = 0; from < bytes.length;) {
        from += this.#file.writeSync(bytes.subarray(from));
      }
      this.#file.syncDataSync();
      this.#length += bytes.length;
    } catch (error) {
      this.#takeBack();
      throw error;
    }
  }

  close(): void {
    this.#file.close();
  }

  /** A disk that is full takes the first part of a line. Where even that cannot be undone, opening it again does. */
  #takeBack(): void {
    try {
      this.#file.truncateSync(this.#length);
      this.#file.seekSync(this.#length, Deno.SeekMode.Start);
    } catch { /* the error of the writing is the one to tell */ }
  }
}
