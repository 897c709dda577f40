/** Engines that are killed: what was finished is never run again, and what was not is. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { foldJournal, type JournalRecord } from "../../lib/run/journal_records.ts";
import type { Results } from "../../lib/run/results.ts";
import { processesWith } from "./scripted.ts";
import { readJournal } from "./read_journal.ts";

const ENGINE = fileURLToPath(new URL("./fixtures/engine.ts", import.meta.url));
const CELLS = ["ok", "slow", "ok", "oom", "slow", "ok", "slow", "ok", "slow", "oom", "ok", "ok"]
  .map((action, index) => `${action}/${index}`);
const KILLS = 50;
const LANES = 5;

interface Engine {
  readonly child: Deno.ChildProcess;
  /** Resolves with what it printed. */
  readonly printed: Promise<string[]>;
}

function startEngine(outDir: string, resume: string, sideBySide = 1): Engine {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--quiet", "--cached-only", ENGINE, outDir, resume, ...CELLS],
    env: { STOWAGE_TEST_SESSIONS: String(sideBySide) },
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const printed = new Response(child.stdout).text().then((text) =>
    text.split("\n").filter((line) => line !== "")
  );
  return { child, printed };
}

function onlyRun(outDir: string): string {
  const [entry] = [...Deno.readDirSync(outDir)];
  assert.ok(entry !== undefined);
  return join(outDir, entry.name);
}

function journalOf(folder: string): readonly JournalRecord[] {
  try {
    return readJournal(join(folder, "journal.jsonl")).records;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

function statusesOf(folder: string): Record<string, string> {
  const results: Results = JSON.parse(Deno.readTextFileSync(join(folder, "results.json")));
  return Object.fromEntries(results.cells.map(({ id, status }) => [id, status]));
}

async function gone(folder: string): Promise<boolean> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (processesWith(folder).length === 0) return true;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  return false;
}

/** A small generator with a fixed seed (mulberry32), so that every run of the test kills at the same moments. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

Deno.test(`an engine that is killed at ${KILLS} random moments loses at most the cell in flight each time`, async (t) => {
  const base = Deno.makeTempDirSync({ prefix: "stowage-kill-" });
  const undisturbed = join(base, "undisturbed");
  const began = performance.now();
  const first = startEngine(undisturbed, "");
  assert.deepEqual(await first.printed, CELLS);
  assert.equal((await first.child.status).code, 0);
  const wholeMs = performance.now() - began;
  const expected = statusesOf(onlyRun(undisturbed));

  // Lanes side by side: most of the time an engine waits for its workers.
  const folders = await Promise.all(
    Array.from(
      { length: LANES },
      (_, lane) => killAndResume(join(base, `lane-${lane}`), lane, wholeMs),
    ),
  );
  for (const folder of folders.flat()) assert.deepEqual(statusesOf(folder), expected);
  await t.step("every cell has one outcome in each journal", () => {
    const records = folders.flat().map(journalOf);
    for (const journal of records) {
      assert.equal(journal.filter(({ record }) => record === "done").length, CELLS.length);
    }
  });
  Deno.removeSync(base, { recursive: true });
});

/** Kills engines of runs in a folder, and lets the last one of each run end. @returns The runs' folders. */
async function killAndResume(base: string, seed: number, wholeMs: number): Promise<string[]> {
  const random = randomFrom(20220717 + seed);
  const folders: string[] = [];
  for (let kills = 0; kills < KILLS / LANES;) {
    const outDir = join(base, `run-${folders.length}`);
    Deno.mkdirSync(outDir, { recursive: true });
    const done = new Set<string>();
    let resume = "";
    // One run is killed up to six times, and then left to end.
    for (let times = 0;; times += 1) {
      // Every other lane has both sessions at once.
      const { child, printed } = startEngine(outDir, resume, 1 + seed % 2);
      if (times < 6 && kills < KILLS / LANES) {
        await new Promise((resolve) => setTimeout(resolve, random() * wholeMs));
        try {
          child.kill("SIGKILL");
        } catch { /* it was done */ }
      }
      const { code, signal } = await child.status;
      for (const id of await printed) assert.ok(!done.has(id), `${id} was finished and ran again`);
      assert.ok(await gone(outDir), "processes are left");
      resume = Deno.readDirSync(outDir)[Symbol.iterator]().next().done ? "" : onlyRun(outDir);
      const records = resume === "" ? [] : journalOf(resume);
      if (records.length === 0 && resume !== "") {
        Deno.removeSync(resume, { recursive: true }); // killed before its first line
        resume = "";
      }
      for (const [id, { outcome }] of foldJournal(records).cells) {
        if (outcome !== null) done.add(id);
      }
      if (signal === "SIGKILL") {
        kills += 1;
        continue;
      }
      assert.equal(code, 0);
      break;
    }
    folders.push(onlyRun(outDir));
  }
  return folders;
}
