import assert from "node:assert/strict";
import { makeMemoryGroup, type MemoryGroup } from "../../lib/run/memory_group.ts";
import type { GroupPlace } from "../../lib/run/memory_group_place.ts";
import { APP, FakeGroups, SCOPE, userScope } from "./fake_groups.ts";

const UNIFIED: GroupPlace = { version: 2, parent: APP };

function made(files: FakeGroups, place: GroupPlace = UNIFIED): MemoryGroup {
  const group = makeMemoryGroup(place, {
    token: "abc",
    capBytes: 1000,
    files,
    pid: 100,
    isRunning: (pid) => pid === 100,
  });
  assert.ok(!("obstacle" in group), JSON.stringify(group));
  return group;
}

Deno.test("a group of version 2 has the limit, no swap, and dies as a whole", () => {
  const files = userScope();
  const { folder } = made(files);
  assert.equal(folder, `${APP}/stowage-100-abc`);
  assert.equal(files.read(`${folder}/memory.max`), "1000\n");
  assert.equal(files.read(`${folder}/memory.swap.max`), "0\n");
  assert.equal(files.read(`${folder}/memory.oom.group`), "1\n");
});

Deno.test("a kernel without swap or group kills is enough; one without the limit is not", () => {
  const files = userScope();
  const makeFolder = files.makeFolder.bind(files);
  files.makeFolder = (path) => {
    makeFolder(path);
    files.files.delete(`${path}/memory.swap.max`);
    files.files.delete(`${path}/memory.oom.group`);
  };
  assert.equal(files.read(`${made(files).folder}/memory.max`), "1000\n");

  const uncontrolled = userScope();
  uncontrolled.files.set(`${APP}/cgroup.subtree_control`, "\n");
  const before = uncontrolled.files.size;
  const group = makeMemoryGroup(UNIFIED, { token: "abc", capBytes: 1000, files: uncontrolled });
  assert.match("obstacle" in group ? group.obstacle : "", /memory.max could not be set/);
  assert.equal(uncontrolled.files.size, before); // and nothing is left
});

Deno.test("a process is taken in, what the kernel did is read, and the empty group is removed", () => {
  const files = userScope();
  const group = made(files);
  group.add(4711);
  assert.equal(files.read(`${group.folder}/cgroup.procs`), "4711\n");
  assert.equal(group.kills(), 0);
  files.files.set(`${group.folder}/memory.events`, "max 9\noom 1\noom_kill 2\noom_group_kill 1\n");
  files.files.set(`${group.folder}/memory.peak`, "1000\n");
  assert.deepEqual([group.kills(), group.peakBytes()], [2, 1000]);
  assert.equal(group.remove(), false);
  files.files.set(`${group.folder}/cgroup.procs`, "");
  assert.equal(group.remove(), true);
  assert.deepEqual(files.list(APP).filter((name) => name.startsWith("stowage")), []);
  assert.deepEqual([group.kills(), group.peakBytes()], [0, null]); // gone
});

Deno.test("version 1 spells it otherwise", () => {
  const files = new FakeGroups({ "/memory/cgroup.procs": "" }, ["/memory"]);
  const group = made(files, { version: 1, parent: "/memory" });
  assert.equal(files.read(`${group.folder}/memory.limit_in_bytes`), "1000\n");
  files.files.set(`${group.folder}/memory.oom_control`, "under_oom 0\noom_kill 3\n");
  files.files.set(`${group.folder}/memory.max_usage_in_bytes`, "998\n");
  assert.deepEqual([group.kills(), group.peakBytes()], [3, 998]);
});

Deno.test("groups of engines that are gone are removed, unless they still have processes", () => {
  const files = userScope();
  for (const name of ["stowage-7-old", "stowage-8-busy", "stowage-100-mine", "other"]) {
    files.makeFolder(`${APP}/${name}`);
  }
  files.write(`${APP}/stowage-8-busy/cgroup.procs`, "9");
  made(files);
  assert.deepEqual(
    files.list(APP).filter((name) => !name.startsWith("cgroup")).sort(),
    [
      "other",
      SCOPE.slice(APP.length + 1),
      "stowage-100-abc",
      "stowage-100-mine",
      "stowage-8-busy",
    ].sort(),
  );
});

Deno.test("where no group can be made the reason is told", () => {
  const obstacle = { obstacle: "the system has no control groups" };
  assert.deepEqual(makeMemoryGroup(obstacle, { token: "abc", capBytes: 1 }), obstacle);
  const denied = makeMemoryGroup(UNIFIED, { token: "abc", capBytes: 1, files: userScope([]) });
  assert.match("obstacle" in denied ? denied.obstacle : "", /no group could be made in/);
});
