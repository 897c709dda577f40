/** Commands of somebody's own under the real worker: limits, memory from outside, ends, and nothing left running. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { Plan, PlanCell } from "../../lib/plan/plan.ts";
import { run, type RunOptions } from "../../lib/run/run.ts";
import { WORKERS_DIRECTORY } from "../../lib/workers/directory.ts";
import { HOST, SCRIPTED } from "./engine.ts";
import { processesWith, scriptedPlan } from "./scripted.ts";

const SCRIPT = fileURLToPath(new URL("./fixtures/stats_script.py", import.meta.url));
const MIB = 2 ** 20;
/** Stands in the command lines of these tests alone: others may run at the same time. */
const MARK = crypto.randomUUID();

/** A plan whose cells hand their actions to the script. */
function scriptPlan(
  actions: readonly string[],
  { deviceBytes, timeoutSeconds = 60 }: {
    readonly deviceBytes?: number;
    readonly timeoutSeconds?: number;
  } = {},
): Plan {
  const { plan, session } = scriptedPlan(actions, { timeoutSeconds });
  const cells = plan.cells.map((cell): PlanCell => ({
    ...cell,
    newTokens: 20,
    strategy: {
      use: "script",
      name: "mine",
      dtype: "float32",
      allocator: "native",
      command: ["{{ python }}", SCRIPT, cell.id, "{{ batchSize }}", "{{tokens}}", MARK],
    },
  }));
  return {
    ...plan,
    cells,
    budget: { predictedOom: "run", ...(deviceBytes === undefined ? {} : { deviceBytes }) },
    sessions: [{
      ...session,
      launch: {
        ...session.launch,
        argv: ["{python}", "{workers}/script_worker.py", "{session}/request.json"],
      },
      directory: "/",
    }],
  };
}

async function runScripts(plan: Plan, options: RunOptions = {}) {
  const outDir = Deno.makeTempDirSync({ prefix: "stowage-script-" });
  try {
    const around = { ...SCRIPTED, workersDirectory: WORKERS_DIRECTORY };
    const { value, diagnostics } = await run(plan, { outDir, ...options }, around);
    assert.deepEqual(diagnostics, []);
    assert.deepEqual(processesWith(MARK), []);
    return new Map((value?.cells ?? []).map((cell) => [cell.id, cell]));
  } finally {
    Deno.removeSync(outDir, { recursive: true });
  }
}

Deno.test("each cell has a process of its own, and its block is the measurement", async () => {
  const cells = await runScripts(scriptPlan(["ok"]));
  const cell = cells.get("ok");
  assert.equal(cell?.status, "ok", cell?.message ?? "");
  const { time, stated } = cell?.measurement ?? {};
  assert.deepEqual(
    [time?.msPerToken, time?.loadSeconds, time?.streams, time?.prefillMs, time?.generateSeconds],
    [5, 1.25, 1, null, [0.2]],
  );
  assert.deepEqual(stated, { variant: "v2", msPerToken: 5, countsPrompt: false, passes: 5 });
});

Deno.test("memory is seen from outside: VmData of the process, private memory of the tree", async () => {
  const cells = await runScripts(scriptPlan(["hold"]));
  const { devices = [], hosts = [] } = cells.get("hold")?.measurement ?? {};
  for (const bytes of [devices[0]?.peakBytes ?? 0, hosts[0]?.peakBytes ?? 0]) {
    assert.ok(bytes > 96 * MIB && bytes < 140 * MIB, String(bytes / MIB));
  }
});

Deno.test("the budget of a cpu device is the command's own limit, and running into it costs one cell", async () => {
  const plan = scriptPlan(["greedy", "ok"], { deviceBytes: 256 * MIB });
  const cells = await runScripts(plan);
  assert.equal(cells.get("greedy")?.status, "oom", cells.get("greedy")?.message ?? "");
  assert.match(cells.get("greedy")?.message ?? "", /Cannot allocate memory/);
  const peak = cells.get("greedy")?.measurement?.devices[0]?.peakBytes ?? 0;
  assert.ok(peak <= 256 * MIB, String(peak / MIB));
  assert.equal(cells.get("ok")?.status, "ok");
});

Deno.test("each way to fail has its status and its reason, and the cells behind it run", async () => {
  const actions = ["oom", "killed", "fail", "silent", "other-batch", "ok"];
  const cells = await runScripts(scriptPlan(actions));
  const found = actions.map((id) => [cells.get(id)?.status, cells.get(id)?.message]);
  assert.deepEqual(found.map(([status]) => status), [
    "oom",
    "crashed",
    "crashed",
    "crashed",
    "crashed",
    "ok",
  ]);
  const said = found.map(([, message]) => message ?? "");
  assert.match(said[0] ?? "", /CUDA out of memory/);
  assert.match(said[1] ?? "", /the command was ended by SIGKILL/);
  assert.match(said[2] ?? "", /exit code 3/);
  assert.match(said[3] ?? "", /printed no stats block/);
  assert.match(said[4] ?? "", /a batch of 1, and the cell has 2/);
});

Deno.test("a command that hangs is ended after its time, and the next one runs", async () => {
  const cells = await runScripts(scriptPlan(["hang", "ok"], { timeoutSeconds: 2 }));
  assert.equal(cells.get("hang")?.status, "timeout");
  assert.equal(cells.get("ok")?.status, "ok");
});

Deno.test("what a command leaves behind is ended with it", async () => {
  const cells = await runScripts(scriptPlan(["orphan"]));
  assert.equal(cells.get("orphan")?.status, "ok");
});

Deno.test("an interruption ends the command", async () => {
  const controller = new AbortController();
  const cells = await runScripts(scriptPlan(["hang", "ok"]), {
    signal: controller.signal,
    onProgress({ kind }) {
      if (kind === "cell") setTimeout(() => controller.abort(), 300);
    },
  });
  assert.deepEqual([...cells.values()].map(({ status }) => status), ["interrupted", "interrupted"]);
  assert.equal(HOST.gpus.length, 0);
});
