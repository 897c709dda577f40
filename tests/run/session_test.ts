import assert from "node:assert/strict";
import { join } from "node:path";
import type { Plan, PlanCell, PlanSession } from "../../lib/plan/plan.ts";
import type { CellOutcome } from "../../lib/run/outcome.ts";
import { runSession } from "../../lib/run/session.ts";
import { cell, plan as buildPlan } from "../report/builders.ts";

const WORKER = new URL("./fixtures/scripted_worker.py", import.meta.url).pathname;

function scripted(id: string): PlanCell {
  return { ...cell({ use: "accelerate", batchSize: 2 }), id };
}

interface Ran {
  readonly outcomes: Map<string, CellOutcome>;
  readonly logs: Map<string, string>;
  readonly folder: string;
}

/** Runs cells whose ids tell the scripted worker what to do. */
async function runScript(
  ids: readonly string[],
  { worldSize = 1, timeoutSeconds = 60, signal }: {
    worldSize?: number;
    timeoutSeconds?: number;
    signal?: AbortSignal;
  } = {},
): Promise<Ran> {
  const folder = Deno.makeTempDirSync();
  const cells = ids.map(scripted);
  const session: PlanSession = {
    id: "scripted",
    strategy: "accelerate",
    worldSize,
    launch: { argv: ["{python}", "{workers}", "{session}/request.json"], env: {}, files: {} },
    cellIds: ids,
  };
  const base = buildPlan(cells);
  const plan: Plan = {
    ...base,
    hardware: { ...base.hardware, devices: { ...base.hardware.devices, kind: "cpu" } },
    benchmark: { ...base.benchmark, timeoutSeconds },
  };
  const outcomes = new Map<string, CellOutcome>();
  const logs = new Map<string, string>();
  await runSession({
    plan,
    session,
    cells,
    checkpoint: null,
    host: {
      python: "python3",
      workersDirectory: WORKER,
      extensionsDirectory: folder,
      runFolder: folder,
      gpus: [],
      cores: 2,
    },
    ...(signal === undefined ? {} : { signal }),
    onEvent: () => {},
    onOutcome(settled, outcome, logPath) {
      assert.ok(!outcomes.has(settled.id), `${settled.id} has one outcome`);
      outcomes.set(settled.id, outcome);
      logs.set(settled.id, logPath);
    },
  });
  return { outcomes, logs, folder };
}

function statuses({ outcomes }: Ran): Record<string, string> {
  return Object.fromEntries([...outcomes].map(([id, { status }]) => [id, status]));
}

Deno.test("an out-of-memory that the worker survives costs one cell and no restart", async () => {
  const ran = await runScript(["ok/1", "oom/2", "ok/3"]);
  assert.deepEqual(statuses(ran), { "ok/1": "ok", "oom/2": "oom", "ok/3": "ok" });
  assert.equal(ran.outcomes.get("oom/2")?.message, "warmup: RuntimeError: can't allocate memory");
  assert.equal(ran.logs.get("ok/3"), join("sessions", "scripted", "attempt-1", "log.txt"));
});

Deno.test("a crash costs one cell: the session starts again without it", async () => {
  const ran = await runScript(["ok/1", "crash/2", "ok/3"]);
  assert.deepEqual(statuses(ran), { "ok/1": "ok", "crash/2": "crashed", "ok/3": "ok" });
  const message = ran.outcomes.get("crash/2")?.message ?? "";
  assert.match(message, /exit code 3: ValueError: bad/);
  assert.equal(ran.logs.get("ok/3"), join("sessions", "scripted", "attempt-2", "log.txt"));
});

Deno.test("one rank that runs out of memory ends the session, and the cell counts as oom", async () => {
  const ran = await runScript(["ok/1", "oom-one-rank/2", "ok/3"], { worldSize: 2 });
  assert.deepEqual(statuses(ran), { "ok/1": "ok", "oom-one-rank/2": "oom", "ok/3": "ok" });
  assert.equal(ran.outcomes.get("ok/1")?.measurement?.devices.length, 2);
});

Deno.test("an out-of-memory that only the log tells is one", async () => {
  assert.deepEqual(statuses(await runScript(["abort-oom/1"])), { "abort-oom/1": "oom" });
});

Deno.test("a worker that something killed has crashed, and the signal is named", async () => {
  const ran = await runScript(["killed/1"]);
  assert.equal(ran.outcomes.get("killed/1")?.status, "crashed");
  assert.match(ran.outcomes.get("killed/1")?.message ?? "", /SIGKILL/);
});

/** Whether a process is there and not a zombie, which only waits for its parent to look. */
function runs(pid: number): boolean {
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    return stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3) !== "Z";
  } catch {
    return false;
  }
}

Deno.test("a hang is ended, with descendants that left the group, and the next cell runs", async () => {
  const ran = await runScript(["hang/1", "ok/2"], { timeoutSeconds: 1 });
  assert.deepEqual(statuses(ran), { "hang/1": "timeout", "ok/2": "ok" });
  const log = Deno.readTextFileSync(join(ran.folder, ran.logs.get("hang/1") ?? ""));
  const child = Number(/child (\d+)/.exec(log)?.[1]);
  assert.ok(child > 0);
  assert.equal(runs(child), false);
});

Deno.test("a failed load is the outcome of every cell, and is not tried again", async () => {
  const oom = await runScript(["load-oom/1", "ok/2"]);
  assert.deepEqual(statuses(oom), { "load-oom/1": "oom", "ok/2": "oom" });
  assert.equal(oom.outcomes.get("ok/2")?.message, "loading: MemoryError: full");
  const crash = await runScript(["load-crash/1"]);
  assert.match(crash.outcomes.get("load-crash/1")?.message ?? "", /ImportError: libfoo.so/);
});

Deno.test("an interrupted session says so for every cell that has no result", async () => {
  const controller = new AbortController();
  const running = runScript(["ok/1", "hang/2", "ok/3"], { signal: controller.signal });
  const timer = setTimeout(() => controller.abort(), 1500);
  const ran = await running;
  clearTimeout(timer);
  assert.deepEqual(statuses(ran), {
    "ok/1": "ok",
    "hang/2": "interrupted",
    "ok/3": "interrupted",
  });
});

Deno.test("a session leaves a script that starts it by hand, and its request", async () => {
  const ran = await runScript(["ok/1"]);
  const folder = join(ran.folder, "sessions", "scripted", "attempt-1");
  const script = Deno.readTextFileSync(join(folder, "launch.sh"));
  assert.match(script, /exec 'python3' .*request\.json'/);
  const { success } = await new Deno.Command("bash", { args: ["-n", join(folder, "launch.sh")] })
    .output();
  assert.ok(success);
  const request = JSON.parse(Deno.readTextFileSync(join(folder, "request.json")));
  assert.deepEqual(request.cells.map(({ id }: { id: string }) => id), ["ok/1"]);
});
