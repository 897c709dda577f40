/** The live view in every state, and the events for other programs. */
import assert from "node:assert/strict";
import { jsonEvent } from "../../lib/report/json_events.ts";
import {
  initialState,
  type LiveState,
  nextState,
  predictedCellSeconds,
  remainingSeconds,
} from "../../lib/report/live_state.ts";
import { liveLines } from "../../lib/report/live_view.ts";
import type { Progress } from "../../lib/run/progress.ts";
import { cell, plan, reported } from "./builders.ts";

const CELLS = [1, 8, 16].map((batchSize) => cell({ use: "ds-zero", batchSize }));
const PLAN = plan(CELLS);
const [SESSION] = PLAN.sessions;
const [FIRST, SECOND, THIRD] = CELLS;
assert.ok(SESSION && FIRST && SECOND && THIRD);
const session = SESSION;

const DECIDED: Progress = {
  kind: "decided",
  decisions: [
    { cell: FIRST, action: "reuse", reason: "finished before: reused" },
    { cell: SECOND, action: "run", reason: "new" },
    { cell: THIRD, action: "run", reason: "new" },
  ],
};

/** The state after steps that come a second apart. */
function after(...steps: readonly Progress[]): LiveState {
  const seconds = (each: typeof FIRST) =>
    each === undefined ? null : predictedCellSeconds(each, PLAN);
  return steps.reduce(
    (state, step, index) => nextState(state, step, 1000 * (index + 1), seconds),
    initialState(PLAN, 0),
  );
}

function lines(state: LiveState, nowMs: number, columns = 100): string[] {
  return liveLines(state, PLAN, { nowMs, columns });
}

const START: Progress = { kind: "session", session, cells: CELLS };
const BEAT: Progress = {
  kind: "event",
  session,
  event: { event: "heartbeat", rank: 0, time: 0, cellId: null, peakBytes: 40 * 2 ** 30 },
};
const ASKED: Progress = { kind: "cell", session, cell: SECOND };
const { measurement } = reported(SECOND);
const ENDED: Progress = {
  kind: "outcome",
  cell: SECOND,
  outcome: { status: "ok", measurement, message: null },
  done: 2,
  total: 3,
};

Deno.test("before the first session the time of the preparation runs", () => {
  assert.deepEqual(lines(after(), 4200), ["preparing, 4 s", "", "  0/0 cells"]);
});

Deno.test("while a model loads, elapsed stands beside predicted", () => {
  assert.deepEqual(lines(after(DECIDED, START), 12_000), [
    "ds-zero: loading, 10 s of 120 s predicted",
    "  8 processes",
    "  1/3 cells",
  ]);
});

Deno.test("a cell shows its prediction and the memory of now against the device", () => {
  assert.deepEqual(lines(after(DECIDED, START, ASKED, BEAT), 9000), [
    "ds-zero/batchSize=8: running, 6 s of 152 s predicted",
    "  8 processes, memory 40.0 of 79.2 GiB (51%)",
    "  1/3 cells",
  ]);
});

Deno.test("between cells the counts stand, and what is left at the pace so far", () => {
  const state = after(DECIDED, START, ASKED, BEAT, ENDED);
  const [now, , grid] = lines(state, 6000);
  assert.equal(now, "ds-zero: between cells");
  // The cell took 2 s of 152 predicted; the next is predicted at 304.
  assert.equal(grid, "  2/3 cells, 1 ok, about 4 s left");
});

Deno.test("a session that starts again loads again", () => {
  const again: Progress = {
    kind: "event",
    session,
    event: {
      event: "started",
      rank: 0,
      time: 0,
      pid: 1,
      worldSize: 8,
      versions: {},
      deviceNames: [],
    },
  };
  assert.equal(after(DECIDED, START, ASKED, again).lanes[0]?.phase, "load");
});

Deno.test("sessions side by side have lines of their own, until each is over", () => {
  const other = { ...session, id: "other", worldSize: 1 };
  const both = after(
    DECIDED,
    START,
    { kind: "session", session: other, cells: [THIRD] },
    ASKED,
    BEAT,
    { kind: "cell", session: other, cell: THIRD },
  );
  assert.deepEqual(lines(both, 9000), [
    "ds-zero/batchSize=8: running, 5 s of 152 s predicted",
    "  8 processes, memory 40.0 of 79.2 GiB (51%)",
    "ds-zero/batchSize=16: running, 3 s of 303 s predicted",
    "  1 process",
    "  1/3 cells",
  ]);
  const one = nextState(both, { kind: "session-ended", session }, 9000, () => null);
  assert.deepEqual(lines(one, 9000).length, 3);
  const none = nextState(one, { kind: "session-ended", session: other }, 9000, () => null);
  assert.equal(lines(none, 9000)[0], "between sessions");
});

Deno.test("without a prediction or a pace nothing is promised", () => {
  const bare = { ...SECOND, prediction: { ...SECOND.prediction, time: null } };
  assert.equal(predictedCellSeconds(bare, PLAN), null);
  assert.equal(remainingSeconds(after(DECIDED, START), () => null), null);
});

Deno.test("no line is wider than the terminal", () => {
  for (const line of lines(after(DECIDED, START, ASKED, BEAT), 9000, 20)) {
    assert.ok(line.length < 20, line);
  }
});

Deno.test("events for programs name the cell and say how it ended", () => {
  assert.deepEqual(jsonEvent(ASKED), { event: "cell", sessionId: "ds-zero", cellId: SECOND.id });
  const ended = jsonEvent(ENDED);
  assert.equal(ended?.["status"], "ok");
  assert.equal(ended?.["cellId"], SECOND.id);
  assert.deepEqual(jsonEvent(BEAT), {
    event: "heartbeat",
    sessionId: "ds-zero",
    rank: 0,
    cellId: null,
    peakBytes: 40 * 2 ** 30,
  });
  for (const step of [DECIDED, START, { kind: "note", text: "a" } as const]) {
    assert.equal(typeof jsonEvent(step)?.["event"], "string");
  }
});
