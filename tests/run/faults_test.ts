/** Faults that a worker can have, each with the status that it must come to, and nothing left running. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { LOG_BYTES } from "../../lib/run/process_output.ts";
import {
  processesWith,
  type Ran,
  runs,
  runScript,
  type ScriptOptions,
  statuses,
} from "./scripted.ts";

/** Runs a script, and looks that none of its processes is left. */
async function inject(ids: readonly string[], options: ScriptOptions = {}): Promise<Ran> {
  const ran = await runScript(ids, options);
  assert.deepEqual(processesWith(ran.folder), []);
  return ran;
}

Deno.test("a worker that exits 1 has crashed", async () => {
  const ran = await inject(["exit/1", "ok/2"]);
  assert.deepEqual(statuses(ran), { "ok/2": "ok", "exit/1": "crashed" });
  assert.match(ran.outcomes.get("exit/1")?.message ?? "", /exit code 1/);
});

Deno.test("a worker that exits 0 in the middle of a cell has crashed all the same", async () => {
  const ran = await inject(["leave/1", "ok/2"]);
  assert.deepEqual(statuses(ran), { "ok/2": "ok", "leave/1": "crashed" });
});

Deno.test("a worker that something killed has crashed, and the advice names the kernel", async () => {
  const ran = await inject(["killed/1", "ok/2"]);
  assert.deepEqual(statuses(ran), { "ok/2": "ok", "killed/1": "crashed" });
  const { message, failure } = ran.outcomes.get("killed/1") ?? {};
  assert.match(message ?? "", /SIGKILL/);
  assert.equal(failure?.kind, "host-oom");
});

Deno.test("a load that hangs is ended, and every cell has timed out", async () => {
  const ran = await inject(["ok/1", "ok/2"], { load: "hang", limits: { loadSeconds: 0.5 } });
  assert.deepEqual(statuses(ran), { "ok/1": "timeout", "ok/2": "timeout" });
  assert.match(ran.outcomes.get("ok/1")?.message ?? "", /loading took longer than 0.5 s/);
});

Deno.test("workers that die between loading and the first cell are started twice, not for ever", async () => {
  const ran = await inject(["ok/1", "ok/2"], { load: "die" });
  assert.deepEqual(Object.keys(statuses(ran)).sort(), ["ok/1", "ok/2"]);
  assert.ok(Object.values(statuses(ran)).every((status) => status === "crashed"));
});

Deno.test("a cell that hangs is ended, with descendants that left the group, and the next runs", async () => {
  const ran = await inject(["hang/1", "ok/2"], { timeoutSeconds: 1 });
  assert.deepEqual(statuses(ran), { "hang/1": "timeout", "ok/2": "ok" });
  assert.match(ran.outcomes.get("hang/1")?.message ?? "", /longer than 1 s/);
  const log = Deno.readTextFileSync(join(ran.folder, ran.logs.get("hang/1") ?? ""));
  const child = Number(/child (\d+)/.exec(log)?.[1]);
  assert.ok(child > 0);
  assert.equal(runs(child), false);
});

Deno.test("a worker that ignores TERM is killed", async () => {
  const ran = await inject(["stubborn/1", "ok/2"], { timeoutSeconds: 1 });
  assert.deepEqual(statuses(ran), { "stubborn/1": "timeout", "ok/2": "ok" });
});

Deno.test("a rank that stops while the others go on is found by its missing heartbeats", async () => {
  const ran = await inject(["silent/1", "ok/2"], { worldSize: 2, limits: { silenceSeconds: 1 } });
  assert.deepEqual(statuses(ran), { "silent/1": "timeout", "ok/2": "ok" });
  assert.match(ran.outcomes.get("silent/1")?.message ?? "", /rank 1 gave no sign of life for 1 s/);
});

Deno.test("a rank that dies between the end of the others and its own takes the cell with it, once", async () => {
  const limits = { silenceSeconds: 1 };
  const ran = await inject(["ok/0", "between/1", "ok/2"], { worldSize: 2, limits });
  assert.deepEqual(statuses(ran), { "ok/0": "ok", "between/1": "timeout", "ok/2": "ok" });
  assert.match(ran.outcomes.get("between/1")?.message ?? "", /rank 1 gave no sign of life/);
  assert.equal(ran.outcomes.get("between/1")?.measurement?.time ?? null, null);
});

Deno.test("garbage on stdout and among the events is no harm", async () => {
  const ran = await inject(["garbage/1", "ok/2"]);
  assert.deepEqual(statuses(ran), { "garbage/1": "ok", "ok/2": "ok" });
});

Deno.test("1 GB on stdout is drained, the log is cut and keeps its end", async () => {
  const ran = await inject(["flood/1", "ok/2"]);
  assert.deepEqual(statuses(ran), { "flood/1": "ok", "ok/2": "ok" });
  const log = join(ran.folder, ran.logs.get("flood/1") ?? "");
  const { size } = Deno.statSync(log);
  assert.ok(size > LOG_BYTES && size < LOG_BYTES + 32 * 1024, String(size));
});

Deno.test("a worker that dies within a line of its events has crashed in that cell", async () => {
  const ran = await inject(["ok/0", "torn/1", "ok/2"]);
  assert.deepEqual(statuses(ran), { "ok/0": "ok", "ok/2": "ok", "torn/1": "crashed" });
});

Deno.test("a torn line among the events costs nothing that comes after it", async () => {
  assert.deepEqual(statuses(await inject(["cut/1", "ok/2"])), { "cut/1": "ok", "ok/2": "ok" });
});

Deno.test("processes that hold more than the budget of the host are ended: host-oom", async () => {
  const ran = await inject(["hang/1"], { hostBytes: 2 ** 20 });
  assert.deepEqual(statuses(ran), { "hang/1": "host-oom" });
});
