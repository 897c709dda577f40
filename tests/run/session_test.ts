import assert from "node:assert/strict";
import { join } from "node:path";
import { runScript, statuses } from "./scripted.ts";

Deno.test("cells are asked for one by one, each noted before it starts and after it ends", async () => {
  const { journal } = await runScript(["ok/1", "ok/2"]);
  assert.deepEqual(journal, [
    "launch 1",
    "start ok/1",
    "done ok/1",
    "start ok/2",
    "done ok/2",
    "ended",
  ]);
});

Deno.test("an out-of-memory that the worker survives costs one cell and no restart", async () => {
  const ran = await runScript(["ok/1", "oom/2", "ok/3"]);
  assert.deepEqual(statuses(ran), { "ok/1": "ok", "oom/2": "oom", "ok/3": "ok" });
  assert.equal(ran.outcomes.get("oom/2")?.message, "warmup: RuntimeError: can't allocate memory");
  assert.equal(ran.outcomes.get("oom/2")?.failure?.kind, "device-oom");
  assert.equal(ran.logs.get("ok/3"), join("sessions", "scripted", "attempt-1", "log.txt"));
});

Deno.test("an out-of-memory of every rank is survived like that of one", async () => {
  const ran = await runScript(["oom/1", "ok/2"], { worldSize: 2 });
  assert.deepEqual(statuses(ran), { "oom/1": "oom", "ok/2": "ok" });
  assert.deepEqual(ran.journal.filter((line) => line.startsWith("launch")), ["launch 1"]);
});

Deno.test("a rank that is never ready again after an out-of-memory costs a restart, not a cell", async () => {
  const ran = await runScript(["oom-stuck/1", "ok/2"], { limits: { agreeSeconds: 0.5 } });
  assert.deepEqual(statuses(ran), { "oom-stuck/1": "oom", "ok/2": "ok" });
  assert.deepEqual(ran.journal.filter((line) => line.startsWith("launch")), [
    "launch 1",
    "launch 2",
  ]);
});

Deno.test("a crash is tried once more after all others, then recorded and left", async () => {
  const ran = await runScript(["ok/1", "crash/2", "ok/3"]);
  assert.deepEqual(statuses(ran), { "ok/1": "ok", "crash/2": "crashed", "ok/3": "ok" });
  assert.match(ran.outcomes.get("crash/2")?.message ?? "", /exit code 3: ValueError: bad/);
  assert.equal(ran.logs.get("ok/3"), join("sessions", "scripted", "attempt-2", "log.txt"));
  assert.deepEqual(ran.journal.filter((line) => line.includes("crash/2")), [
    "start crash/2",
    "died crash/2",
    "start crash/2",
    "died crash/2",
    "done crash/2",
  ]);
});

Deno.test("a cell that crashes once and then works is ok", async () => {
  const ran = await runScript(["crash-once/1", "ok/2"]);
  assert.deepEqual(statuses(ran), { "ok/2": "ok", "crash-once/1": "ok" });
  assert.equal(ran.retries.length, 1);
  assert.match(ran.retries[0] ?? "", /^crash-once\/1: .*exit code 3/);
});

Deno.test("an exception in a cell is recorded at once: it would come again", async () => {
  const ran = await runScript(["raise/1", "ok/2"]);
  assert.deepEqual(statuses(ran), { "raise/1": "crashed", "ok/2": "ok" });
  assert.equal(ran.outcomes.get("raise/1")?.message, "generate: ValueError: wrong shape");
});

Deno.test("one rank that runs out of memory ends the session, and the cell counts as oom", async () => {
  const ran = await runScript(["ok/1", "oom-one-rank/2", "ok/3"], { worldSize: 2 });
  assert.deepEqual(statuses(ran), { "ok/1": "ok", "oom-one-rank/2": "oom", "ok/3": "ok" });
  assert.equal(ran.outcomes.get("ok/1")?.measurement?.devices.length, 2);
});

Deno.test("one rank that survives alone does not: the others wait for it in a collective", async () => {
  const options = { worldSize: 2, limits: { agreeSeconds: 0.5 } };
  const ran = await runScript(["oom-one-rank-lives/1", "ok/2"], options);
  assert.deepEqual(statuses(ran), { "oom-one-rank-lives/1": "oom", "ok/2": "ok" });
  assert.deepEqual(ran.journal.filter((line) => line.startsWith("launch")), [
    "launch 1",
    "launch 2",
  ]);
});

Deno.test("an out-of-memory that only the log tells is one", async () => {
  const ran = await runScript(["abort-oom/1"]);
  assert.deepEqual(statuses(ran), { "abort-oom/1": "oom" });
  assert.equal(ran.outcomes.get("abort-oom/1")?.failure?.kind, "device-oom");
});

Deno.test("what an earlier cell printed does not explain the end of a later one", async () => {
  const ran = await runScript(["oom/1", "exit/2"]);
  assert.deepEqual(statuses(ran), { "oom/1": "oom", "exit/2": "crashed" });
});

Deno.test("a failed load is the outcome of every cell, and is not tried again", async () => {
  const oom = await runScript(["ok/1", "ok/2"], { load: "oom" });
  assert.deepEqual(statuses(oom), { "ok/1": "oom", "ok/2": "oom" });
  assert.equal(oom.outcomes.get("ok/2")?.message, "loading: MemoryError: full");
  const crash = await runScript(["ok/1"], { load: "crash" });
  assert.match(crash.outcomes.get("ok/1")?.message ?? "", /ImportError: libfoo.so/);
});

Deno.test("an interrupted session leaves the cell in flight, and those behind it, without an outcome", async () => {
  const controller = new AbortController();
  const ran = await runScript(["ok/1", "hang/2", "ok/3"], {
    signal: controller.signal,
    onEvent(event) {
      if (event.event === "cell_started" && event.cellId === "hang/2") controller.abort();
    },
  });
  assert.deepEqual(statuses(ran), { "ok/1": "ok" });
  assert.equal(ran.inFlight?.id, "hang/2");
});

Deno.test("a session leaves a script that starts it by hand, its request and its commands", async () => {
  const ran = await runScript(["ok/1"]);
  const folder = join(ran.folder, "sessions", "scripted", "attempt-1");
  const script = Deno.readTextFileSync(join(folder, "launch.sh"));
  assert.match(script, /exec 'python3' .*request\.json'/);
  const { success } = await new Deno.Command("bash", { args: ["-n", join(folder, "launch.sh")] })
    .output();
  assert.ok(success);
  const request = JSON.parse(Deno.readTextFileSync(join(folder, "request.json")));
  assert.equal(request.commandsFile, "commands.jsonl");
  const commands = Deno.readTextFileSync(join(folder, "commands.jsonl")).trim().split("\n");
  assert.deepEqual(commands.map((line) => JSON.parse(line).command), ["cell", "finish"]);
  assert.equal(JSON.parse(commands[0] ?? "").cell.id, "ok/1");
});
