/** Sessions side by side with the scripted worker: devices of their own, one journal, one budget, nothing left behind. */
import assert from "node:assert/strict";
import type { Plan } from "../../lib/plan/plan.ts";
import { run, type RunOptions } from "../../lib/run/run.ts";
import { SCRIPTED } from "./engine.ts";
import { processesWith, scriptedPlan } from "./scripted.ts";
import { readJournal } from "./read_journal.ts";

interface Part {
  readonly cellIds: readonly string[];
  readonly devices?: number;
}

/** A plan with these sessions on a host of two cpu devices. */
function planOf(parts: readonly Part[], { sessions = 2, hostBytes }: {
  readonly sessions?: number;
  readonly hostBytes?: number;
} = {}): Plan {
  const { plan, session } = scriptedPlan(
    parts.flatMap(({ cellIds }) => cellIds),
    hostBytes === undefined ? {} : { hostBytes },
  );
  const { hardware } = plan;
  return {
    ...plan,
    // What the builder predicts of a host is that of a large model.
    cells: plan.cells.map((cell) => ({ ...cell, prediction: { ...cell.prediction, hosts: [] } })),
    hardware: { ...hardware, devices: { ...hardware.devices, count: 2 } },
    execution: { sessions },
    sessions: parts.map(({ cellIds, devices = 1 }, index) => ({
      ...session,
      id: `s${index}`,
      cellIds,
      devices,
    })),
  };
}

async function runPlan(plan: Plan, options: RunOptions = {}) {
  const outDir = options.outDir ?? Deno.makeTempDirSync({ prefix: "stowage-side-" });
  const steps: string[] = [];
  try {
    const { value, diagnostics } = await run(plan, {
      outDir,
      ...options,
      onProgress(progress) {
        options.onProgress?.(progress);
        if (progress.kind === "session") steps.push(`+${progress.session.id}`);
        if (progress.kind === "session-ended") steps.push(`-${progress.session.id}`);
      },
    }, SCRIPTED);
    assert.deepEqual(diagnostics, []);
    const folder = value?.run.folder ?? "";
    assert.deepEqual(processesWith(folder), []);
    const records = readJournal(`${folder}/journal.jsonl`).records;
    const statuses = Object.fromEntries((value?.cells ?? []).map(({ id, status }) => [id, status]));
    return { steps, statuses, records, folder, cells: value?.cells ?? [] };
  } finally {
    if (options.outDir === undefined) Deno.removeSync(outDir, { recursive: true });
  }
}

/** The most sessions, and devices, that were in use at once. */
function most(steps: readonly string[], plan: Plan): readonly [number, number] {
  const open = new Set<string>();
  let [sessions, devices] = [0, 0];
  for (const step of steps) {
    if (step.startsWith("+")) open.add(step.slice(1));
    else open.delete(step.slice(1));
    const used = plan.sessions.filter(({ id }) => open.has(id))
      .reduce((sum, session) => sum + (session.devices ?? 0), 0);
    sessions = Math.max(sessions, open.size);
    devices = Math.max(devices, used);
  }
  return [sessions, devices];
}

Deno.test("by default one session runs after the other", async () => {
  const plan = planOf([{ cellIds: ["slow/0"] }, { cellIds: ["slow/1"] }], { sessions: 1 });
  const { steps } = await runPlan(plan);
  assert.deepEqual(steps, ["+s0", "-s0", "+s1", "-s1"]);
});

Deno.test("sessions on devices of their own run side by side, one that needs all of them alone", async () => {
  const plan = planOf([
    { cellIds: ["slow/0", "slow/1", "oom/2"] },
    { cellIds: ["slow/3"], devices: 2 },
    { cellIds: ["ok/4", "crash/5", "slow/6"] },
    { cellIds: ["slow/7"] },
  ], { sessions: 3 });
  const { steps, statuses, records } = await runPlan(plan);
  assert.deepEqual(most(steps, plan), [2, 2]);
  assert.equal(steps[1], "+s2"); // passed the one that found no room
  assert.deepEqual(statuses, {
    "slow/0": "ok",
    "slow/1": "ok",
    "oom/2": "oom",
    "slow/3": "ok",
    "ok/4": "ok",
    "crash/5": "crashed",
    "slow/6": "ok",
    "slow/7": "ok",
  });
  const done = records.filter(({ record }) => record === "done").length;
  const [launched, ended] = ["session", "session-ended"].map((kind) =>
    records.filter(({ record }) => record === kind).length
  );
  assert.deepEqual([done, launched], [8, ended]);
});

Deno.test("an interruption ends all of them, and resume runs what is left", async () => {
  const outDir = Deno.makeTempDirSync({ prefix: "stowage-side-" });
  try {
    const plan = planOf([
      { cellIds: ["ok/0", "wait/1", "ok/2"] },
      { cellIds: ["ok/3", "wait/4", "ok/5"] },
    ]);
    const controller = new AbortController();
    const waiting = new Set<string>();
    const first = await runPlan(plan, {
      outDir,
      signal: controller.signal,
      onProgress(progress) {
        if (progress.kind !== "cell" || !progress.cell.id.startsWith("wait")) return;
        waiting.add(progress.cell.id);
        if (waiting.size === 2) controller.abort();
      },
    });
    assert.deepEqual(Object.values(first.statuses), [
      "ok",
      "interrupted",
      "interrupted",
      "ok",
      "interrupted",
      "interrupted",
    ]);
    Deno.writeTextFileSync(`${outDir}/go-on`, "");
    const second = await runPlan(plan, { outDir, resume: first.folder });
    assert.ok(Object.values(second.statuses).every((status) => status === "ok"));
    const started = second.records.filter(({ record }) => record === "started").length;
    assert.equal(started, 4 + 4); // what was finished did not start again
  } finally {
    Deno.removeSync(outDir, { recursive: true });
  }
});

Deno.test("the budget of the host is one for all: the session that holds most is ended, the other goes on", async () => {
  const plan = planOf([{ cellIds: ["hold/0"] }, { cellIds: ["hold/1"] }], {
    hostBytes: 150 * 2 ** 20,
  });
  const { steps, statuses, cells } = await runPlan(plan);
  assert.deepEqual(most(steps, plan), [2, 2]);
  assert.deepEqual(Object.values(statuses).sort(), ["host-oom", "ok"]);
  const ended = cells.find(({ status }) => status === "host-oom");
  assert.match(ended?.message ?? "", /with the other sessions/);
});

Deno.test("sessions that are predicted to fill the host together run one after the other", async () => {
  const plan = planOf([{ cellIds: ["slow/0"] }, { cellIds: ["slow/1"] }]);
  const hosts = [{
    node: 0,
    perRankBytes: 0,
    pinnedBytes: 0,
    peakBytes: { low: 0, mid: 9 * 2 ** 30, high: 10 * 2 ** 30 },
    capacityBytes: null,
  }];
  const full = {
    ...plan,
    cells: plan.cells.map((cell) => ({ ...cell, prediction: { ...cell.prediction, hosts } })),
  };
  assert.deepEqual(most((await runPlan(full)).steps, plan), [1, 1]);
});
