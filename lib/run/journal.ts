/**
 * The journal of a run: what was started and what has ended, in a file that is only ever appended to. A line is the
 * CRC-32 of its JSON in eight hex digits, a blank, and the JSON; it is on the disk before `append` returns. So a
 * process that is killed, a machine that loses its power or a disk that fills up can tear the last line at most, and a
 * torn line is told from a whole one.
 */
import { crc32 } from "node:zlib";
import type { JournalRecord } from "./journal_records.ts";

/** Name of the journal in a run's folder. */
export const JOURNAL_FILE = "journal.jsonl";

/** What a journal file holds. */
export interface JournalContent {
  readonly records: readonly JournalRecord[];
  /** Bytes up to the end of the last whole line; what follows was torn. */
  readonly wholeBytes: number;
  /** Numbers of damaged lines before that: bytes that the disk has lost or somebody has changed. */
  readonly damagedLines: readonly number[];
}

/** Reads a journal; a torn end is left out. Throws what the system throws. */
export function readJournal(path: string): JournalContent {
  return parseJournal(Deno.readFileSync(path));
}

/** As `readJournal`, from the bytes of the file. */
export function parseJournal(bytes: Uint8Array): JournalContent {
  const scan = new JournalScan(bytes);
  const records = [...scan.records()];
  return { records, wholeBytes: scan.wholeBytes, damagedLines: scan.damagedLines };
}

/** The records of a journal file one by one: ten thousand cells have thirty thousand. Throws what the system throws. */
export function* recordsIn(path: string): Generator<JournalRecord> {
  yield* new JournalScan(Deno.readFileSync(path)).records();
}

/** What the bytes of a journal hold; the facts are complete when all records were taken. */
class JournalScan {
  wholeBytes = 0;
  isComplete = false;
  readonly #bytes: Uint8Array;
  readonly #bad: number[] = [];
  #lastWhole = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get damagedLines(): number[] {
    return this.#bad.filter((number) => number < this.#lastWhole);
  }

  *records(): Generator<JournalRecord> {
    const decoder = new TextDecoder();
    const bytes = this.#bytes;
    let line = 0;
    for (let start = 0; start < bytes.length;) {
      const end = bytes.indexOf(0x0a, start);
      if (end === -1) break;
      line += 1;
      const record = parseLine(decoder.decode(bytes.subarray(start, end)));
      if (record === null) {
        this.#bad.push(line);
      } else {
        this.wholeBytes = end + 1;
        this.#lastWhole = line;
        yield record;
      }
      start = end + 1;
    }
    this.isComplete = true;
  }
}

/** A record as a line of the file. */
export function journalLine(record: JournalRecord): string {
  const text = JSON.stringify(record);
  return `${checksum(text)} ${text}\n`;
}

function parseLine(line: string): JournalRecord | null {
  const text = line.slice(9);
  if (line[8] !== " " || line.slice(0, 8) !== checksum(text)) return null;
  try {
    const record = JSON.parse(text);
    return typeof record?.record === "string" ? record as JournalRecord : null;
  } catch {
    return null;
  }
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, "0");
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
      const scan = new JournalScan(readAll(file));
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

function readAll(file: Deno.FsFile): Uint8Array {
  const bytes = new Uint8Array(file.statSync().size);
  let filled = 0;
  while (filled < bytes.length) {
    const read = file.readSync(bytes.subarray(filled));
    if (read === null) break;
    filled += read;
  }
  return bytes.subarray(0, filled);
}
