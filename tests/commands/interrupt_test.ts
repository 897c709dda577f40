/** Ctrl-C on the real command: once it ends in order and says how to go on, twice it is gone at once. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { processesWith } from "../run/scripted.ts";
import { temporaryFolder } from "../temporary.ts";
import { scriptedPipeline, writeScriptedPython } from "./scripted_python.ts";

const CLI = fileURLToPath(new URL("../../cli.ts", import.meta.url));

interface Ended {
  readonly code: number;
  readonly events: readonly Record<string, unknown>[];
  readonly stderr: string;
  /** From the first signal to the end. */
  readonly seconds: number;
}

/** Runs the command with `--json`, and sends a signal as often as it is told to once a cell has started. */
async function runCli(
  args: readonly string[],
  { interruptAt, outDir = "", times = 1 }: {
    readonly interruptAt?: string;
    readonly outDir?: string;
    readonly times?: number;
  } = {},
): Promise<Ended> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--quiet", CLI, ...args, "--json"],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const stderr = new Response(child.stderr).text();
  const events: Record<string, unknown>[] = [];
  let rest = "";
  let sentMs = 0;
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const event = JSON.parse(line);
      events.push(event);
      if (event.event !== "cell" || event.cellId !== interruptAt) continue;
      await until(() => isIn(interruptAt, outDir));
      sentMs = performance.now();
      for (let sent = 0; sent < times; sent += 1) {
        child.kill("SIGINT");
        await new Promise((resolve) => setTimeout(resolve, 300));
      }
    }
  }
  const { code } = await child.status;
  const seconds = (performance.now() - sentMs) / 1000;
  return { code, events, stderr: await stderr, seconds };
}

/** Whether a worker has begun with a cell: it says so among its events. */
function isIn(cellId: string | undefined, outDir: string): boolean {
  const [run] = [...Deno.readDirSync(outDir)].filter(({ isDirectory }) => isDirectory);
  const sessions = join(outDir, run?.name ?? "", "sessions");
  return [...Deno.readDirSync(sessions)].some(({ name }) => {
    try {
      const events = join(sessions, name, "attempt-1", "events", "rank-0.jsonl");
      return Deno.readTextFileSync(events).includes(`"cell_started", "rank": 0`) &&
        Deno.readTextFileSync(events).includes(`"cellId": "${cellId}"`);
    } catch {
      return false; // not yet
    }
  });
}

async function until(condition: () => boolean): Promise<void> {
  for (let left = 200; left > 0 && !condition(); left -= 1) {
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  await new Promise((resolve) => setTimeout(resolve, 200)); // what the cell does first
}

function setUp(actions: readonly string[]): { folder: string; args: string[]; outDir: string } {
  const folder = temporaryFolder();
  const file = join(folder, "p.json");
  Deno.writeTextFileSync(file, JSON.stringify(scriptedPipeline(actions)));
  const outDir = join(folder, "runs");
  return {
    folder,
    outDir,
    args: ["run", file, "--python", writeScriptedPython(folder), "--out-dir", outDir],
  };
}

Deno.test("the first Ctrl-C ends the run in order and says how to go on, which then repeats nothing", async () => {
  const { folder, args, outDir } = setUp(["ok", "wait"]);
  const ended = await runCli(args, { interruptAt: "wait/batchSize=1", outDir });
  assert.equal(ended.code, 130, ended.stderr);
  assert.match(ended.stderr, /interrupted: ending the session; once more to kill it/);
  const [, run = ""] = /1 of 2 cells left; go on with: stowage resume "?([^"\n]+)"?/.exec(
    ended.stderr,
  ) ?? [];
  assert.ok(run.startsWith(outDir), ended.stderr);
  assert.deepEqual(processesWith(folder), []);
  const { cells } = JSON.parse(Deno.readTextFileSync(join(run, "results.json")));
  assert.deepEqual(cells.map(({ status }: { status: string }) => status), ["ok", "interrupted"]);

  Deno.writeTextFileSync(join(outDir, "go-on"), "");
  const resumed = await runCli(["resume", run]);
  assert.equal(resumed.code, 0, resumed.stderr);
  const outcomes = resumed.events.filter(({ event }) => event === "outcome");
  assert.deepEqual(outcomes.map(({ cellId, status }) => [cellId, status]), [
    ["wait/batchSize=1", "ok"],
  ]);
});

Deno.test("the second Ctrl-C does not wait for a worker that ignores TERM, and leaves nothing", async () => {
  const { folder, args, outDir } = setUp(["stubborn"]);
  const { code, seconds, stderr } = await runCli(args, {
    interruptAt: "stubborn/batchSize=1",
    outDir,
    times: 2,
  });
  assert.equal(code, 130, stderr);
  assert.ok(seconds < 4, `${seconds} s`); // the grace of TERM alone is five
  await until(() => processesWith(folder).length === 0);
  assert.deepEqual(processesWith(folder), []);
});
