/** Disks that are full or read-only: a clear error, and a journal from which the run goes on. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { Journal } from "../../lib/run/journal.ts";
import type { Progress } from "../../lib/run/progress.ts";
import { run, type RunOptions } from "../../lib/run/run.ts";
import { SCRIPTED, twoSessions } from "./engine.ts";
import { readJournal } from "./read_journal.ts";

async function mount(...args: string[]): Promise<boolean> {
  try {
    return (await new Deno.Command("mount", { args, stderr: "null" }).output()).success;
  } catch {
    return false; // no such program
  }
}

/** Gives a small disk of its own, or says why the test is skipped: only root may mount one. */
async function withDisk(sizeBytes: number, work: (folder: string) => Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync({ prefix: "stowage-disk-" });
  try {
    if (!await mount("-t", "tmpfs", "-o", `size=${sizeBytes}`, "tmpfs", folder)) {
      console.error("skipped: this user may not mount a tmpfs");
      return;
    }
    try {
      await work(folder);
    } finally {
      await new Deno.Command("umount", { args: ["-l", folder] }).output();
    }
  } finally {
    Deno.removeSync(folder);
  }
}

/** Runs cells of the scripted worker. */
async function runCells(ids: readonly string[], options: RunOptions) {
  const started: string[] = [];
  const { value, diagnostics } = await run(twoSessions(ids), {
    ...options,
    onProgress(progress: Progress) {
      if (progress.kind === "cell") started.push(progress.cell.id);
    },
  }, SCRIPTED);
  return { value, started, messages: diagnostics.map(({ code, message }) => `${code} ${message}`) };
}

Deno.test("a journal on a full disk is as it was before, and goes on when there is space", () =>
  withDisk(64 * 1024, (folder) => {
    const path = join(folder, "journal.jsonl");
    const filler = join(folder, "filler");
    const { journal } = Journal.open(path, (records) => [...records]);
    let written = 0;
    function append(): void {
      journal.append({
        record: "started",
        time: "t",
        cellId: `cell ${written}`,
        key: "k".repeat(200),
      });
      written += 1;
    }
    append();
    const block = new Uint8Array(1024);
    using file = Deno.openSync(filler, { write: true, create: true });
    assert.throws(() => {
      for (;;) file.writeSync(block);
    }, /No space left/);
    assert.throws(() => {
      for (;;) append();
    }, /No space left/);
    const full = readJournal(path);
    assert.equal(full.records.length, written);
    assert.equal(full.wholeBytes, Deno.statSync(path).size);
    file.truncateSync(0);
    append();
    journal.close();
    assert.equal(readJournal(path).records.length, written);
    return Promise.resolve();
  }));

Deno.test("a disk that fills up ends the run with the way to go on, which then repeats nothing", () =>
  withDisk(512 * 1024, async (folder) => {
    const outDir = join(folder, "runs");
    const ids = ["ok/0", "ok/1", "fill/2", "ok/3", "ok/4", "ok/5"];
    const ended = await runCells(ids, { outDir });
    assert.equal(ended.value, undefined);
    assert.match(ended.messages.join("\n"), /STW512 Cannot write .*No space left/);
    const [entry] = [...Deno.readDirSync(outDir)];
    const runFolder = join(outDir, entry?.name ?? "");
    const { records, damagedLines } = readJournal(join(runFolder, "journal.jsonl"));
    assert.deepEqual(damagedLines, []);
    const done = records.flatMap((record) => record.record === "done" ? [record.cellId] : []);
    assert.deepEqual(done.slice(0, 2), ["ok/0", "ok/1"]);

    Deno.removeSync(join(runFolder, "filler"));
    // Told to fill the disk again, the cell would do so; what is looked at is that the others run and end.
    const others = ids.filter((id) => !id.startsWith("fill"));
    const resumed = await runCells(others, { resume: runFolder });
    assert.deepEqual(resumed.started.filter((id) => done.includes(id)), []);
    assert.ok(resumed.value?.cells.every(({ status }) => status === "ok"), resumed.messages.join());
  }));

Deno.test("a folder on a read-only mount is refused before anything is launched", () =>
  withDisk(512 * 1024, async (folder) => {
    const outDir = join(folder, "runs");
    const first = await runCells(["ok/0", "ok/1"], { outDir });
    const runFolder = first.value?.run.folder ?? "";
    const before = Deno.readTextFileSync(join(runFolder, "journal.jsonl"));
    assert.ok(await mount("-o", "remount,ro", folder));
    const refused = await runCells(["ok/0", "ok/1"], { outDir, rerun: "all" });
    assert.deepEqual(refused.started, []);
    assert.match(refused.messages.join("\n"), /STW506 Cannot write to .*read-only/);
    const resumed = await runCells(["ok/0", "ok/1"], { resume: runFolder });
    assert.match(resumed.messages.join("\n"), /STW506 Cannot write to .*read-only/);
    assert.equal(Deno.readTextFileSync(join(runFolder, "journal.jsonl")), before);
  }));
