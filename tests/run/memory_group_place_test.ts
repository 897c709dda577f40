import assert from "node:assert/strict";
import { findGroupPlace } from "../../lib/run/memory_group_place.ts";
import { APP, FakeGroups, SCOPE, userScope } from "./fake_groups.ts";

Deno.test("in a scope of the user's own manager groups are made beside it, in the delegated group", () => {
  assert.deepEqual(findGroupPlace(userScope()), { version: 2, parent: APP });
});

Deno.test("a group that controls memory below itself is used as it is", () => {
  const files = userScope();
  files.files.set(`${SCOPE}/cgroup.subtree_control`, "memory\n");
  assert.deepEqual(findGroupPlace(files), { version: 2, parent: SCOPE });
});

Deno.test("without a right, without the controller, without groups: the reason is told", () => {
  assert.deepEqual(findGroupPlace(userScope([])), {
    obstacle: `no right to make groups in ${APP}`,
  });
  // Processes are moved by a file of the group above both: a right to the folder alone is none.
  const files = userScope([APP]);
  const isWritable = files.isWritable.bind(files);
  files.isWritable = (path) => path !== `${APP}/cgroup.procs` && isWritable(path);
  assert.deepEqual(findGroupPlace(files), { obstacle: `no right to make groups in ${APP}` });

  const uncontrolled = userScope();
  uncontrolled.files.set(`${APP}/cgroup.subtree_control`, "pids\n");
  assert.deepEqual(findGroupPlace(uncontrolled), {
    obstacle: `neither ${SCOPE} nor the group above it controls memory for groups below`,
  });
  uncontrolled.files.set(`${SCOPE}/cgroup.controllers`, "cpu pids\n");
  assert.deepEqual(findGroupPlace(uncontrolled), {
    obstacle: `memory is not among the controllers of ${SCOPE}`,
  });
  assert.deepEqual(findGroupPlace(new FakeGroups({}, [])), {
    obstacle: "the system has no control groups",
  });
});

Deno.test("where memory is still version 1, its own group is the place", () => {
  const files = {
    "/proc/self/cgroup": "4:cpu,memory:/jobs/7\n0::/\n",
    "/proc/self/mountinfo": "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n" +
      "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
    "/sys/fs/cgroup/unified/cgroup.controllers": "hugetlb\n",
  };
  assert.deepEqual(findGroupPlace(new FakeGroups(files, ["/sys/fs/cgroup/memory/jobs/7"])), {
    version: 1,
    parent: "/sys/fs/cgroup/memory/jobs/7",
  });
  const place = findGroupPlace(new FakeGroups(files, []));
  assert.match("obstacle" in place ? place.obstacle : "", /no right .*memory\/jobs\/7/);
});

Deno.test("in a container the mount begins below the root of the paths, and may have blanks", () => {
  const files = {
    "/proc/self/cgroup": "4:memory:/docker/ab/inner\n",
    "/proc/self/mountinfo":
      "35 31 0:32 /docker/ab /sys/fs/control\\040groups rw - cgroup cgroup rw,memory\n",
  };
  assert.deepEqual(findGroupPlace(new FakeGroups(files, ["/sys/fs/control groups"])), {
    version: 1,
    parent: "/sys/fs/control groups/inner",
  });
  // A path that the container cannot see.
  const outside = { ...files, "/proc/self/cgroup": "4:memory:/../other\n" };
  const place = findGroupPlace(new FakeGroups(outside, ["/sys"]));
  assert.ok("obstacle" in place);
});
