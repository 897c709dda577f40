import assert from "node:assert/strict";
import { describeGroups } from "../../lib/run/doctor.ts";

Deno.test("doctor says how the host's budget is kept, and why not by a control group", () => {
  const parent = "/sys/fs/cgroup/user.slice";
  assert.deepEqual(describeGroups({ version: 2, parent }), {
    name: "host cap",
    status: "ok",
    detail: "by control groups of version 2, made in /sys/fs/cgroup/user.slice",
  });
  const { status, detail, next } = describeGroups({ obstacle: "no right to make groups in /x" });
  assert.equal(status, "ok");
  assert.match(detail, /watching .*: no right to make groups in \/x/);
  assert.match(next ?? "", /systemd-run --user --scope/);
});
