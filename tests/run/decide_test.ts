import assert from "node:assert/strict";
import type { Plan } from "../../lib/plan/plan.ts";
import {
  decideCells,
  type Decision,
  decisionSummary,
  type EarlierRun,
} from "../../lib/run/decide.ts";
import {
  foldContinuation,
  foldJournal,
  JOURNAL_VERSION,
  type JournalRecord,
} from "../../lib/run/journal_records.ts";
import type { CellStatus } from "../../lib/run/protocol.ts";
import { HOST } from "./engine.ts";
import { scriptedPlan } from "./scripted.ts";

const IDS = ["ok/1", "ok/2", "ok/3", "ok/4"];
const { plan } = scriptedPlan(IDS);
const time = "2026-01-01T00:00:00.000Z";

/** A run in which cells ended so; null: started only. */
function earlier(
  ends: Readonly<Record<string, CellStatus | null>>,
  changes: { plan?: Plan; isThis?: boolean; folder?: string; cpuModel?: string } = {},
): EarlierRun {
  const ran = changes.plan ?? plan;
  const records: JournalRecord[] = [{
    record: "run",
    journalVersion: JOURNAL_VERSION,
    time,
    toolVersion: "0",
    pipeline: ran.pipeline,
    host: { ...HOST, cpuModel: changes.cpuModel ?? HOST.cpuModel },
    python: "python3",
    pid: 1,
    total: 4,
    choices: { predictedOom: "run", anyVersions: false },
  }];
  for (const [cellId, status] of Object.entries(ends)) {
    const key = ran.cells.find(({ id }) => id === cellId)?.key ?? "";
    records.push({ record: "started", time, cellId, key });
    if (status === null) continue;
    const outcome = { status, measurement: null, message: null, logPath: "log" };
    records.push({ record: "done", time, cellId, key, outcome });
  }
  const { folder = "runs/old", isThis = false } = changes;
  return { folder, isThis, state: foldJournal(records), plan: () => ran };
}

function decide(
  runs: readonly EarlierRun[],
  rerun?: Parameters<typeof decideCells>[3]["rerun"],
): Decision[] {
  return decideCells(plan, "run", HOST, {
    earlier: runs,
    ...(rerun === undefined ? {} : { rerun }),
  });
}

function reasons(decisions: readonly Decision[]): string[] {
  return decisions.map(({ action, reason }) => `${action}: ${reason}`);
}

Deno.test("the journal of a later version is refused", () => {
  const { run } = earlier({}).state;
  assert.ok(run !== null);
  const later = { ...run, journalVersion: JOURNAL_VERSION + 1, toolVersion: "9.0.0" };
  for (const fold of [foldJournal, foldContinuation]) {
    assert.throws(() => fold([later]), /it was written by Stowage 9\.0\.0, which is newer/);
  }
});

Deno.test("without an earlier run every cell is new", () => {
  const decisions = decide([]);
  assert.deepEqual(reasons(decisions), IDS.map(() => "run: new"));
  assert.equal(decisionSummary(decisions), "cells: 4 to run (4 new)");
});

Deno.test("results of an older run are reused; failures, interruptions and new cells run", () => {
  const decisions = decide([earlier({ "ok/1": "ok", "ok/2": "crashed", "ok/3": null })]);
  assert.deepEqual(reasons(decisions), [
    "reuse: finished in runs/old: reused",
    "run: failed before: crashed",
    "run: interrupted before",
    "run: new",
  ]);
  assert.equal(decisions[0]?.outcome?.reusedFrom, "runs/old");
  assert.equal(
    decisionSummary(decisions),
    "cells: 3 to run (1 failed before, 1 interrupted before, 1 new), 1 reused",
  );
});

Deno.test("an out-of-memory is a result; one of the host, a timeout and a crash are not", () => {
  const decisions = decide([
    earlier({ "ok/1": "oom", "ok/2": "host-oom", "ok/3": "timeout", "ok/4": "crashed" }),
  ]);
  assert.deepEqual(decisions.map(({ action }) => action), ["reuse", "run", "run", "run"]);
});

Deno.test("a run that goes on leaves its failures, unless it is told to rerun them", () => {
  const state = { "ok/1": "ok", "ok/2": "crashed", "ok/3": null } as const;
  assert.deepEqual(reasons(decide([earlier(state, { isThis: true })])), [
    "reuse: finished before: reused",
    "reuse: failed before (crashed): left",
    "run: interrupted before",
    "run: not reached before",
  ]);
  const again = decide([earlier(state, { isThis: true })], "failed");
  assert.equal(again[1]?.reason, "failed before: crashed");
});

Deno.test("a cell may be forced by its id, and all together", () => {
  const runs = [earlier({ "ok/1": "ok", "ok/2": "ok", "ok/3": "ok", "ok/4": "ok" })];
  const one = decide(runs, { cellId: "ok/2" });
  assert.deepEqual(one.map(({ action }) => action), ["reuse", "run", "reuse", "reuse"]);
  assert.equal(one[1]?.reason, "forced");
  assert.ok(decide(runs, "all").every(({ reason }) => reason === "forced"));
});

Deno.test("a changed cell says what has changed", () => {
  const [first, ...others] = plan.cells;
  assert.ok(first !== undefined);
  const old: Plan = {
    ...plan,
    benchmark: { ...plan.benchmark, cycles: 2 },
    stack: { ...plan.stack, versions: { ...plan.stack.versions, torch: "1.11.0" } },
    cells: [{ ...first, key: "another" }, ...others],
  };
  const [decision] = decide([earlier({ "ok/1": "ok" }, { plan: old })]);
  assert.equal(
    decision?.reason,
    "changed: torch (1.12.0, was 1.11.0), benchmark.cycles (5, was 2)",
  );
});

Deno.test("a result of another host is not reused, and the host is named", () => {
  const [decision] = decide([earlier({ "ok/1": "ok" }, { cpuModel: "an old one" })]);
  assert.equal(decision?.reason, "changed: host (2x a processor, was 2x an old one)");
});

Deno.test("a result is taken from the newest run that has one", () => {
  const newest = earlier({ "ok/1": null, "ok/2": "ok" }, { folder: "runs/newest" });
  const oldest = earlier({ "ok/1": "ok", "ok/2": "ok" }, { folder: "runs/oldest" });
  assert.deepEqual(decide([newest, oldest]).slice(0, 2).map(({ reason }) => reason), [
    "finished in runs/oldest: reused",
    "finished in runs/newest: reused",
  ]);
});

Deno.test("cells that are not selected are skipped, whatever was before", () => {
  const skipped = decideCells(plan, "only", HOST, { earlier: [earlier({ "ok/1": "ok" })] });
  assert.ok(skipped.every(({ action }) => action === "skip"));
  assert.equal(decisionSummary(skipped), "cells: 0 to run, 4 skipped");
});

Deno.test("two cells that differ in the name alone are two: what one came to does not hide the other", () => {
  const twins: Plan = { ...plan, cells: plan.cells.map((cell) => ({ ...cell, key: "one key" })) };
  const [first, second] = twins.cells.map(({ id }) => id);
  assert.ok(first !== undefined && second !== undefined);
  const ends = { [first]: "ok", [second]: null } as const;
  const decided = (run: EarlierRun) => reasons(decideCells(twins, "run", HOST, { earlier: [run] }));
  const goesOn = decided(earlier(ends, { plan: twins, isThis: true }));
  assert.deepEqual(goesOn.slice(0, 2), [
    "reuse: finished before: reused",
    "run: interrupted before",
  ]);
  // A later pipeline may have renamed a strategy: there the key alone counts.
  const older = decided(earlier(ends, { plan: twins }));
  assert.deepEqual(older.slice(0, 2), Array(2).fill("reuse: finished in runs/old: reused"));
});
