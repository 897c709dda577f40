/** An engine with real workers that is killed while loading, in a cell and behind one: resume completes the run. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { foldJournal } from "../../lib/run/journal_records.ts";
import type { Results } from "../../lib/run/results.ts";
import { processesWith } from "../run/scripted.ts";
import { stowage } from "./environment.ts";
import { readJournal } from "../run/read_journal.ts";

const CLI = fileURLToPath(new URL("../../cli.ts", import.meta.url));
const CONFIG = fileURLToPath(new URL("../../deno.json", import.meta.url));
const PIPELINE = fileURLToPath(new URL("../../pipelines/tiny.yaml", import.meta.url));

/** Starts the command, and kills it some time after it has said something. @returns What it said. */
async function killAfter(
  args: readonly string[],
  cwd: string,
  said: RegExp,
  milliseconds: number,
): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--config", CONFIG, CLI, ...args],
    cwd,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).spawn();
  const decoder = new TextDecoder();
  let text = "";
  let timer: ReturnType<typeof setTimeout> | undefined;
  for await (const bytes of child.stderr) {
    text += decoder.decode(bytes, { stream: true });
    if (timer === undefined && said.test(text)) {
      timer = setTimeout(() => child.kill("SIGKILL"), milliseconds);
    }
  }
  clearTimeout(timer);
  assert.equal((await child.status).signal, "SIGKILL", text);
  return text;
}

async function isQuiet(text: string): Promise<boolean> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (processesWith(text).length === 0) return true;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return false;
}

Deno.test("an engine with real workers is killed at three moments, and nothing is left or done twice", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "stowage-real-kill-" });
  try {
    const text = Deno.readTextFileSync(PIPELINE)
      .replace(/batchSize: \[.*\]/, "batchSize: [1, 8, 512]")
      .replace(/^ {2}- \{ use: ds-inference.*\n/m, "");
    Deno.writeTextFileSync(join(folder, "tiny.yaml"), text);
    await killAfter(["tiny.yaml"], folder, /accelerate: starting/, 2500); // loading
    assert.ok(await isQuiet(folder));
    const [run] = [...Deno.readDirSync(join(folder, "runs"))];
    const runFolder = join("runs", run?.name ?? "");
    const resume = ["resume", runFolder];
    const done = new Set<string>();
    for (const [said, milliseconds] of [[/ready after/, 40], [/ds-zero: ready/, 150]] as const) {
      await killAfter(resume, folder, said, milliseconds);
      assert.ok(await isQuiet(folder));
      const { records } = readJournal(join(folder, runFolder, "journal.jsonl"));
      for (const [id, { outcome }] of foldJournal(records).cells) {
        if (outcome !== null) done.add(id);
      }
    }
    assert.ok(done.size >= 3, "the cells of the first session were done");
    const { code, stderr } = await stowage(resume, folder);
    assert.equal(code, 0, stderr);
    for (const id of done) assert.match(stderr, new RegExp(`${id}: finished before: reused`));
    const path = join(folder, runFolder, "results.json");
    const results: Results = JSON.parse(Deno.readTextFileSync(path));
    assert.deepEqual(results.cells.map(({ id, status }) => `${id} ${status}`), [
      "accelerate/batchSize=1 ok",
      "accelerate/batchSize=8 ok",
      "accelerate/batchSize=512 oom",
      "ds-zero/batchSize=1 ok",
      "ds-zero/batchSize=8 ok",
      "ds-zero/batchSize=512 oom",
    ]);
    assert.ok(await isQuiet(folder));
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
