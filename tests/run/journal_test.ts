import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { Journal, journalLine } from "../../lib/run/journal.ts";
import type { JournalRecord } from "../../lib/run/journal_records.ts";
import { parseJournal, readJournal } from "./read_journal.ts";

function started(cellId: string): JournalRecord {
  return { record: "started", time: "2026-01-01T00:00:00.000Z", cellId, key: "k" };
}

function sameCell(a: JournalRecord, b: JournalRecord): boolean {
  return a.record === "started" && b.record === "started" && a.cellId === b.cellId;
}

function withFile(work: (path: string) => void): void {
  const folder = Deno.makeTempDirSync({ prefix: "stowage-journal-" });
  try {
    work(join(folder, "journal.jsonl"));
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("what was appended is read again, by this process and by the next", () =>
  withFile((path) => {
    const { journal, value } = Journal.open(path, (records) => [...records]);
    assert.deepEqual(value, []);
    journal.append(started("a"));
    journal.append(started("\u20ac \n \u2028"));
    journal.close();
    assert.deepEqual(readJournal(path).records, [started("a"), started("\u20ac \n \u2028")]);
    const again = Journal.open(path, (records) => [...records]);
    assert.equal(again.value.length, 2);
    again.journal.append(started("b"));
    again.journal.close();
    assert.equal(readJournal(path).records.length, 3);
  }));

Deno.test("a journal that is cut anywhere gives the records before the cut, and can be appended to", () => {
  const records = Array.from({ length: 5 }, (_, index) => started(`cell €${index}`));
  const bytes = new TextEncoder().encode(records.map(journalLine).join(""));
  fc.assert(
    fc.property(fc.integer({ min: 0, max: bytes.length }), (length) =>
      withFile((path) => {
        Deno.writeFileSync(path, bytes.subarray(0, length));
        const { journal, value } = Journal.open(path, (records) => [...records]);
        const whole = value.length;
        assert.deepEqual(value, records.slice(0, whole));
        assert.ok(length - Deno.statSync(path).size < bytes.length / 5 + 1);
        journal.append(started("next"));
        journal.close();
        assert.deepEqual(readJournal(path).records, [...records.slice(0, whole), started("next")]);
      })),
    { seed: 1, numRuns: 60 },
  );
});

Deno.test("a journal is not cut by an opening that read only a part of it", () =>
  withFile((path) => {
    Deno.writeTextFileSync(path, journalLine(started("a")) + journalLine(started("b")));
    const before = Deno.readTextFileSync(path);
    assert.throws(() => Journal.open(path, () => null));
    assert.equal(Deno.readTextFileSync(path), before);
  }));

Deno.test("a changed byte costs its line, and no other", () => {
  const records = Array.from({ length: 5 }, (_, index) => started(`cell ${index}`));
  const lines = records.map(journalLine);
  const bytes = new TextEncoder().encode(lines.join(""));
  const lineBytes = bytes.length / 5;
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: bytes.length - 1 }),
      fc.integer({ min: 1, max: 255 }),
      (at, change) => {
        const damaged = bytes.slice();
        damaged[at] = (damaged[at] ?? 0) ^ change;
        const { records: read } = parseJournal(damaged);
        const line = Math.floor(at / lineBytes);
        // A line end that is gone joins two lines; a changed blank or digit of a checksum spoils one.
        const kept = records.filter((_, index) => index !== line && index !== line + 1);
        assert.deepEqual(
          read.filter((record) => kept.some((each) => sameCell(each, record))),
          kept,
        );
        assert.ok(read.length >= 3 && read.length <= 4, String(read.length));
      },
    ),
    { seed: 2, numRuns: 200 },
  );
});

Deno.test("the number of a damaged line is told; a torn end is not damage", () => {
  const text = journalLine(started("a")) + "00000000 {}\n" + journalLine(started("b")) + "123";
  const { records, damagedLines, wholeBytes } = parseJournal(new TextEncoder().encode(text));
  assert.deepEqual(records, [started("a"), started("b")]);
  assert.deepEqual(damagedLines, [2]);
  assert.equal(wholeBytes, text.length - 3);
});

Deno.test("records are the same however the bytes come, longer than any buffer too", () => {
  const records = ["a", "\u20ac".repeat(100_000), "", "b"].map(started);
  const bytes = new TextEncoder().encode(records.map(journalLine).join("") + "torn");
  for (const atMost of [1000, 65_536, Infinity]) {
    const read = parseJournal(bytes, atMost);
    assert.deepEqual(read.records, records);
    assert.equal(read.wholeBytes, bytes.length - 4);
  }
});
