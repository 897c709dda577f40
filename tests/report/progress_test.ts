import assert from "node:assert/strict";
import { progressLine } from "../../lib/report/progress.ts";
import type { CellStatus, WorkerEvent } from "../../lib/run/protocol.ts";
import { cell, type MeasuredFigures, plan, reported } from "./builders.ts";

const CELL = cell({ use: "ds-zero", batchSize: 8 });
const PLAN = plan([CELL]);
const [SESSION] = PLAN.sessions;
assert.ok(SESSION);
const session = SESSION;

function outcomeLine(status: CellStatus, figures: MeasuredFigures = {}): string | undefined {
  const { measurement, message = null } = reported(CELL, { status, ...figures });
  return progressLine({
    kind: "outcome",
    cell: CELL,
    outcome: { status, measurement, message },
    done: 3,
    total: 12,
  });
}

Deno.test("a cell that ran says how fast and how full, beside what was predicted", () => {
  assert.equal(
    outcomeLine("ok"),
    "[ 3/12] ds-zero/batchSize=8: ok, 31.8 ms per token (predicted 31.8 ms), " +
      "peak 46.4 of 79.2 GiB (predicted 47.1)",
  );
});

Deno.test("a cell that ran out of memory says how far it came and why", () => {
  assert.equal(
    outcomeLine("oom", { peakGib: 79, message: "CUDA out of memory\nTraceback" }),
    "[ 3/12] ds-zero/batchSize=8: oom, peak 79.0 of 79.2 GiB (predicted 47.1), CUDA out of memory",
  );
});

Deno.test("a message of a worker stays on the line and within it", () => {
  const line = outcomeLine("crashed", { message: `\x1b[31m${"x".repeat(500)}` }) ?? "";
  assert.ok(!line.includes("\x1b"));
  assert.ok(line.length < 220, String(line.length));
});

Deno.test("the start of a session says what it is for and when to expect it", () => {
  assert.equal(
    progressLine({ kind: "session", session, cells: [CELL] }),
    "ds-zero: starting 8 processes for 1 cell, predicted to be ready in 120 s",
  );
  const unpredicted = { ...CELL, prediction: { ...CELL.prediction, time: null } };
  assert.equal(
    progressLine({ kind: "session", session, cells: [unpredicted, CELL] }),
    "ds-zero: starting 8 processes for 2 cells",
  );
});

Deno.test("of the events only that the first rank is ready is news", () => {
  const memory = { devices: [], peakRssAnonBytes: 0, peakRssShmemBytes: 0 };
  function lineOf(event: WorkerEvent): string | undefined {
    return progressLine({ kind: "event", session, event });
  }
  const loaded = {
    event: "loaded",
    time: 0,
    importSeconds: 1,
    weightsSeconds: 2,
    loadSeconds: 31.42,
    memory,
  } as const;
  assert.equal(lineOf({ ...loaded, rank: 0 }), "ds-zero: ready after 31.4 s");
  assert.equal(lineOf({ ...loaded, rank: 1 }), undefined);
  assert.equal(lineOf({ event: "finished", rank: 0, time: 0 }), undefined);
});

Deno.test("notes and folders are shown without what a terminal would act upon", () => {
  assert.equal(progressLine({ kind: "note", text: "a\x1bb" }), "a\\x1bb");
  assert.equal(progressLine({ kind: "folder", folder: "runs/1\n" }), "run folder: runs/1\\x0a");
});

Deno.test("where many cells run for different reasons the first of them are named", () => {
  const decisions = Array.from({ length: 130 }, (_, index) => ({
    cell: CELL,
    action: index < 60 ? "reuse" as const : "run" as const,
    reason: index < 60 ? "finished before: reused" : "not reached before",
  }));
  const lines = progressLine({ kind: "decided", decisions })?.split("\n") ?? [];
  assert.equal(lines[0], "cells: 70 to run (70 not reached before), 60 reused");
  assert.equal(lines.length, 102);
  assert.equal(lines.at(-1), "  and 30 more");
});
