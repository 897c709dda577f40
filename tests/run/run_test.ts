/** Whole runs with the scripted worker: what is kept, shared and refused. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { findRuns, runStatus } from "../../lib/run/find_runs.ts";
import type { Progress } from "../../lib/run/progress.ts";
import { run, type RunOptions } from "../../lib/run/run.ts";
import { lockRun } from "../../lib/run/run_lock.ts";
import { SCRIPTED, twoSessions } from "./engine.ts";

async function withRuns(work: (outDir: string) => Promise<void>): Promise<void> {
  const outDir = Deno.makeTempDirSync({ prefix: "stowage-runs-" });
  try {
    await work(outDir);
  } finally {
    Deno.removeSync(outDir, { recursive: true });
  }
}

async function runCells(ids: readonly string[], options: RunOptions) {
  const started: string[] = [];
  const { value, diagnostics } = await run(twoSessions(ids), {
    ...options,
    onProgress(progress: Progress) {
      options.onProgress?.(progress);
      if (progress.kind === "cell") started.push(progress.cell.id);
    },
  }, SCRIPTED);
  return { value, started, codes: diagnostics.map(({ code }) => code) };
}

Deno.test("the same pipeline again redoes nothing but what failed, and says where results came from", () =>
  withRuns(async (outDir) => {
    const ids = ["ok/0", "raise/1", "oom/2", "ok/3"];
    const first = await runCells(ids, { outDir });
    assert.deepEqual(first.started, ids);
    const second = await runCells(ids, { outDir });
    assert.deepEqual(second.started, ["raise/1"]);
    const cells = second.value?.cells ?? [];
    assert.deepEqual(cells.map(({ status }) => status), ["ok", "crashed", "oom", "ok"]);
    assert.match(cells[0]?.reason ?? "", /^finished in .*: reused$/);
    const third = await runCells(ids, { outDir, rerun: "all" });
    assert.deepEqual(third.started, ids);
  }));

Deno.test("resume runs what an interruption has left, in the same folder", () =>
  withRuns(async (outDir) => {
    const ids = ["ok/0", "slow/1", "ok/2", "ok/3"];
    const controller = new AbortController();
    const first = await runCells(ids, {
      outDir,
      signal: controller.signal,
      onProgress(progress) {
        if (progress.kind === "cell" && progress.cell.id === "slow/1") controller.abort();
      },
    });
    assert.equal(first.value?.run.interrupted, true);
    assert.deepEqual(first.value?.cells.map(({ status }) => status), [
      "ok",
      "interrupted",
      "interrupted",
      "interrupted",
    ]);
    const folder = first.value?.run.folder ?? "";
    const [listed] = findRuns(outDir).map(runStatus);
    assert.deepEqual([listed?.status, listed?.done, listed?.total], ["interrupted", 1, 4]);

    const second = await runCells(ids, { resume: folder });
    assert.deepEqual(second.started, ["slow/1", "ok/2", "ok/3"]);
    assert.equal(second.value?.run.folder, folder);
    assert.equal(second.value?.run.interrupted, false);
    assert.ok(second.value?.cells.every(({ status }) => status === "ok"));
    assert.equal(findRuns(outDir).map(runStatus)[0]?.status, "finished");
    const reasons = second.value?.cells.map(({ reason }) => reason);
    assert.deepEqual(reasons, [
      "finished before: reused",
      "interrupted before",
      "not reached before",
      "not reached before",
    ]);
  }));

Deno.test("a run folder takes one engine at a time", () =>
  withRuns(async (outDir) => {
    const first = await runCells(["ok/0"], { outDir });
    const folder = first.value?.run.folder ?? "";
    const lock = lockRun(folder);
    assert.ok("release" in lock);
    assert.equal(findRuns(outDir).map(runStatus)[0]?.status, "running");
    const second = await runCells(["ok/0"], { resume: folder });
    assert.deepEqual(second.codes, ["STW511"]);
    lock.release();
    assert.deepEqual((await runCells(["ok/0"], { resume: folder })).codes, []);
  }));

Deno.test("a session that takes too long is ended, its cells time out, and the next session runs", () =>
  withRuns(async (outDir) => {
    const ids = ["ok/0", "hang/1", "ok/2", "ok/3"];
    const ran = await runCells(ids, { outDir, sessionSeconds: 2 });
    assert.deepEqual(ran.value?.cells.map(({ status }) => status), ["ok", "timeout", "ok", "ok"]);
    assert.equal(ran.value?.cells[1]?.message, "the session took longer than 2 s");
  }));

Deno.test("a folder without a journal is no run to go on with", () =>
  withRuns(async (outDir) => {
    assert.deepEqual((await runCells(["ok/0"], { resume: outDir })).codes, ["STW513"]);
    assert.deepEqual([...Deno.readDirSync(outDir)], []);
  }));

Deno.test("a damaged line of the journal is told, and its cell runs again", () =>
  withRuns(async (outDir) => {
    const ids = ["ok/0", "ok/1", "ok/2"];
    const first = await runCells(ids, { outDir });
    const folder = first.value?.run.folder ?? "";
    const path = join(folder, "journal.jsonl");
    const text = Deno.readTextFileSync(path);
    const done = text.split("\n").findIndex((line) =>
      line.includes('"record":"done"') && line.includes('"ok/1"')
    );
    const lines = text.split("\n").map((line, at) =>
      at === done ? line.replace("done", "dome") : line
    );
    Deno.writeTextFileSync(path, lines.join("\n"));
    const second = await runCells(ids, { resume: folder });
    assert.deepEqual(second.started, ["ok/1"]);
    assert.deepEqual(second.codes, ["STW516"]);
  }));

Deno.test("a launcher that does not exist costs its session, not the run", () =>
  withRuns(async (outDir) => {
    const plan = twoSessions(["ok/0", "ok/1"]);
    const [first, second] = plan.sessions;
    assert.ok(first !== undefined && second !== undefined);
    const launch = { ...first.launch, argv: ["/nowhere/python"] };
    const broken = { ...plan, sessions: [{ ...first, launch }, second] };
    const { value, diagnostics } = await run(broken, { outDir }, SCRIPTED);
    assert.deepEqual(value?.cells.map(({ status }) => status), ["crashed", "ok"]);
    assert.deepEqual(diagnostics.map(({ code }) => code), ["STW508"]);
    assert.ok(Deno.statSync(join(value?.run.folder ?? "", "results.csv")).isFile);
  }));
