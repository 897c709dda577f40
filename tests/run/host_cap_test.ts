/** The budget of the host, kept by the kernel where this machine lets a process make control groups, and by watching. */
import assert from "node:assert/strict";
import { findGroupPlace } from "../../lib/run/memory_group_place.ts";
import { processesWith, type Ran, runScript, statuses } from "./scripted.ts";

const PLACE = findGroupPlace();
const CAP = 64 * 2 ** 20;

/** Runs a script with a cap, below a group of the test's own, in which none may be left. */
async function runCapped(ids: readonly string[]): Promise<Ran> {
  assert.ok("parent" in PLACE);
  const groups = { ...PLACE, parent: `${PLACE.parent}/test-${crypto.randomUUID()}` };
  Deno.mkdirSync(groups.parent);
  try {
    if (groups.version === 2) {
      Deno.writeTextFileSync(`${groups.parent}/cgroup.subtree_control`, "+memory");
    }
    const ran = await runScript(ids, { hostBytes: CAP, groups });
    const left = Array.from(Deno.readDirSync(groups.parent)).filter((entry) => entry.isDirectory);
    assert.deepEqual(left, []);
    return ran;
  } finally {
    Deno.removeSync(groups.parent);
  }
}

Deno.test({
  name:
    "the kernel ends a session that goes beyond the cap: host-oom with its peak, and no group is left",
  ignore: "obstacle" in PLACE,
  async fn() {
    const ran = await runCapped(["ok/0", "hold/1", "ok/2"]);
    assert.deepEqual(statuses(ran), { "ok/0": "ok", "hold/1": "host-oom", "ok/2": "ok" });
    const { message, measurement, failure } = ran.outcomes.get("hold/1") ?? {};
    assert.match(message ?? "", /the kernel ended .* held 64 MiB of the host's 64 MiB/);
    const peak = measurement?.hosts[0]?.peakBytes ?? 0;
    assert.ok(peak > 0.9 * CAP && peak <= CAP, String(peak));
    assert.equal(failure?.kind, "host-oom");
    assert.deepEqual(processesWith(ran.folder), []);
  },
});

Deno.test({
  name:
    "a process that left session, group and environment is held to the cap too, whatever the worker says of it",
  ignore: "obstacle" in PLACE,
  async fn() {
    const ran = await runCapped(["far/0", "ok/1"]);
    assert.deepEqual(statuses(ran), { "far/0": "host-oom", "ok/1": "ok" });
  },
});

Deno.test("without a control group the processes are watched: host-oom with the peak that was seen", async () => {
  const ran = await runScript(["hold/1", "ok/2"], { hostBytes: CAP });
  assert.deepEqual(statuses(ran), { "hold/1": "host-oom", "ok/2": "ok" });
  const { message, measurement } = ran.outcomes.get("hold/1") ?? {};
  assert.match(message ?? "", /the processes of the session held \d+ MiB of the host's 64 MiB/);
  assert.ok((measurement?.hosts[0]?.peakBytes ?? 0) > CAP);
});

Deno.test("a group that cannot be made leaves watching", async () => {
  const groups = { version: 2, parent: "/proc/no/such/folder" } as const;
  const ran = await runScript(["hold/1"], { hostBytes: CAP, groups });
  assert.deepEqual(statuses(ran), { "hold/1": "host-oom" });
});
