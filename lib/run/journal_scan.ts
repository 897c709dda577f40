/** Reads the records of a journal one by one: ten thousand cells have thirty thousand, in eleven megabytes. */
import { crc32 } from "node:zlib";
import type { JournalRecord } from "./journal_records.ts";

/** Bytes that are in memory at a time, unless a line is longer. */
const BUFFER_BYTES = 1 << 16;
const LINE_END = 0x0a;

/** What the bytes of a journal hold; the facts are complete when all records were taken. */
export class JournalScan {
  /** Bytes up to the end of the last whole line; what follows was torn. */
  wholeBytes = 0;
  isComplete = false;
  readonly #read: (into: Uint8Array) => number | null;
  readonly #bad: number[] = [];
  #lastWhole = 0;

  /** @param read Puts the next bytes down and says how many; null at the end. */
  constructor(read: (into: Uint8Array) => number | null) {
    this.#read = read;
  }

  /** Numbers of damaged lines before the last whole one: bytes that the disk has lost or somebody has changed. */
  get damagedLines(): number[] {
    return this.#bad.filter((number) => number < this.#lastWhole);
  }

  /** Every record; a torn end is left out. Throws what the system throws. */
  *records(): Generator<JournalRecord> {
    const decoder = new TextDecoder();
    let line = 0;
    let bytes = 0;
    for (const text of this.#lines()) {
      line += 1;
      bytes += text.length + 1;
      const record = parseLine(decoder.decode(text));
      if (record === null) {
        this.#bad.push(line);
        continue;
      }
      this.wholeBytes = bytes;
      this.#lastWhole = line;
      yield record;
    }
    this.isComplete = true;
  }

  /** Lines that have an end, without it; valid until the next one is asked for. */
  *#lines(): Generator<Uint8Array> {
    let buffer = new Uint8Array(BUFFER_BYTES);
    let used = 0;
    for (;;) {
      const read = this.#read(buffer.subarray(used));
      if (read === null || read === 0) return;
      const filled = buffer.subarray(0, used + read);
      let start = 0;
      for (
        let end = filled.indexOf(LINE_END, used);
        end !== -1;
        end = filled.indexOf(LINE_END, start)
      ) {
        yield filled.subarray(start, end);
        start = end + 1;
      }
      used = filled.length - start;
      buffer.copyWithin(0, start, filled.length);
      if (used === buffer.length) {
        const larger = new Uint8Array(2 * buffer.length);
        larger.set(buffer);
        buffer = larger;
      }
    }
  }
}

/** The records of a journal file; a torn end is left out. Throws what the system throws. */
export function* recordsIn(path: string): Generator<JournalRecord> {
  using file = Deno.openSync(path);
  yield* new JournalScan((into) => file.readSync(into)).records();
}

/** What stands before the JSON of a line. */
export function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, "0");
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
