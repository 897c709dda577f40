/** The conversation alone, with a clock that is told. */
import assert from "node:assert/strict";
import type { PlanCell } from "../../lib/plan/plan.ts";
import { Conversation, type Limits } from "../../lib/run/conversation.ts";
import type { MemorySample, WorkerEvent } from "../../lib/run/protocol.ts";
import { scripted } from "./scripted.ts";

const LIMITS: Limits = {
  loadSeconds: 100,
  cellSeconds: 50,
  silenceSeconds: 30,
  agreeSeconds: 5,
  lingerSeconds: 15,
};
const MEMORY: MemorySample = { devices: [], peakRssAnonBytes: 0, peakRssShmemBytes: 0 };

type Said = WorkerEvent extends infer E ? E extends WorkerEvent ? Omit<E, "rank" | "time"> : never
  : never;

/** A conversation over these cells, and what was said in it. */
function talk(worldSize: number, ...ids: readonly string[]) {
  const said: string[] = [];
  const cells: PlanCell[] = ids.map(scripted);
  const conversation = new Conversation(worldSize, LIMITS, {
    next: () => cells.shift(),
    ask: ({ id }) => void said.push(`ask ${id}`),
    finish: () => void said.push("finish"),
    ended: ({ id }) => void said.push(`ended ${id}`),
  }, 0);
  return {
    said,
    conversation,
    /** Takes an event of some ranks at a second, and answers it. */
    at(second: number, event?: Said, ranks: readonly number[] = [...Array(worldSize).keys()]) {
      for (const rank of event === undefined ? [] : ranks) {
        conversation.note({ ...event, rank, time: second } as WorkerEvent, second * 1000);
      }
      return conversation.step(second * 1000);
    },
  };
}

const STARTED: Said = { event: "started", pid: 1, worldSize: 1, versions: {}, deviceNames: [] };
const LOADED: Said = {
  event: "loaded",
  importSeconds: 1,
  weightsSeconds: 1,
  loadSeconds: 2,
  memory: MEMORY,
};
const BEAT: Said = { event: "heartbeat", cellId: null, peakBytes: 0 };

function finished(cellId: string): Said {
  return {
    event: "cell_finished",
    cellId,
    memory: MEMORY,
    generateSeconds: [1],
    prefillSeconds: [0.1],
    newTokens: 1,
    tokenIds: [],
    tokensSha256: "",
    captureSeconds: null,
    allocationRetries: null,
  };
}

function failed(cellId: string, recovered: boolean): Said {
  return {
    event: "cell_failed",
    cellId,
    status: "oom",
    phase: "warmup",
    message: "",
    memory: MEMORY,
    recovered,
  };
}

Deno.test("the first cell is asked for when every rank is loaded, the next when every rank ended it", () => {
  const { at, said } = talk(2, "a", "b");
  at(1, STARTED);
  at(2, LOADED, [0]);
  assert.deepEqual(said, []);
  at(3, LOADED, [1]);
  at(4, finished("a"), [1]);
  assert.deepEqual(said, ["ask a"]);
  at(5, finished("a"), [0]);
  at(6, finished("b"));
  assert.deepEqual(said, ["ask a", "ended a", "ask b", "ended b", "finish"]);
});

Deno.test("a load that takes too long times out, as a cell does, counted from its own start", () => {
  const { at } = talk(1, "a");
  assert.equal(at(99), null);
  assert.equal(at(100)?.kind, "timeout");
  const second = talk(1, "a", "b");
  second.at(1, LOADED);
  second.at(40, finished("a"));
  assert.equal(second.at(89), null);
  assert.equal(second.at(90)?.kind, "timeout");
});

Deno.test("heartbeats keep a rank alive; one that gives none is named, though the others do", () => {
  const { at } = talk(2, "a");
  at(0, STARTED);
  at(1, LOADED);
  assert.equal(at(20, BEAT, [0]), null);
  const stop = at(31, BEAT, [0]);
  assert.equal(stop?.kind, "silent");
  assert.match(stop?.kind === "silent" ? stop.message : "", /rank 1/);
});

Deno.test("a rank that has not started owes no sign of life: its imports may take long", () => {
  assert.equal(talk(1, "a").at(60), null);
});

Deno.test("an out-of-memory of every rank is over when all are ready again", () => {
  const { at, said } = talk(2, "a", "b");
  at(1, LOADED);
  at(2, failed("a", true), [0]);
  assert.deepEqual(said, ["ask a"]);
  at(3, failed("a", true), [1]);
  at(3, { event: "ready", cellId: "a" }, [0]);
  assert.deepEqual(said, ["ask a", "ended a"]);
  at(4, { event: "ready", cellId: "a" }, [1]);
  assert.deepEqual(said, ["ask a", "ended a", "ask b"]);
});

Deno.test("a rank that failed alone ends the session, and the cell has ended", () => {
  const { at, said } = talk(2, "a", "b");
  at(1, LOADED);
  assert.equal(at(2, failed("a", true), [0]), null);
  assert.equal(at(6, BEAT), null);
  assert.equal(at(7)?.kind, "lingering");
  assert.deepEqual(said, ["ask a", "ended a"]);
});

Deno.test("a rank that does not get ready again ends the session", () => {
  const { at } = talk(1, "a", "b");
  at(1, LOADED);
  at(2, failed("a", true));
  assert.equal(at(6, BEAT), null);
  assert.equal(at(7)?.kind, "lingering");
});

Deno.test("a launcher that outlives its ranks is ended", () => {
  const { at } = talk(1);
  at(1, LOADED);
  assert.equal(at(2, { event: "finished" }), null);
  assert.equal(at(16), null);
  assert.equal(at(17)?.kind, "lingering");
});

Deno.test("what a rank says of an earlier cell does not end the current one", () => {
  const { at, said } = talk(1, "a", "b");
  at(1, LOADED);
  at(2, finished("a"));
  at(3, finished("a"));
  assert.deepEqual(said, ["ask a", "ended a", "ask b"]);
});
