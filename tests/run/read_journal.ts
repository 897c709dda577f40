/** Journals as tests look at them: whole. */
import type { JournalRecord } from "../../lib/run/journal_records.ts";
import { JournalScan } from "../../lib/run/journal_scan.ts";

/** What the bytes of a journal hold. */
export interface JournalContent {
  readonly records: readonly JournalRecord[];
  readonly wholeBytes: number;
  readonly damagedLines: readonly number[];
}

/** Reads a journal file. */
export function readJournal(path: string): JournalContent {
  return parseJournal(Deno.readFileSync(path));
}

/** Reads bytes, as a file would give them: `atMost` at a time. */
export function parseJournal(bytes: Uint8Array, atMost = Infinity): JournalContent {
  let at = 0;
  const scan = new JournalScan((into) => {
    const part = bytes.subarray(at, at + Math.min(into.length, atMost));
    into.set(part);
    at += part.length;
    return part.length === 0 ? null : part.length;
  });
  const records = [...scan.records()];
  return { records, wholeBytes: scan.wholeBytes, damagedLines: scan.damagedLines };
}
