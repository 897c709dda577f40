import assert from "node:assert/strict";
import { fillLaunch } from "../../lib/launch/fill.ts";

const VALUES = {
  python: "/venv/bin/python",
  session: "/runs/{port}/$&/s",
  workers: "/w",
  devices: "0,1",
  port: 29500,
  threads: 4,
};

Deno.test("placeholders of words and of the environment are filled", () => {
  assert.deepEqual(
    fillLaunch({
      argv: ["{python}", "localhost:{devices}", "--master_port", "{port}", "{workers}/a.py"],
      env: { OMP_NUM_THREADS: "{threads}", HF_HUB_OFFLINE: "1" },
      files: {},
    }, VALUES),
    {
      argv: ["/venv/bin/python", "localhost:0,1", "--master_port", "29500", "/w/a.py"],
      env: { OMP_NUM_THREADS: "4", HF_HUB_OFFLINE: "1" },
    },
  );
});

Deno.test("a value that looks like a placeholder or a pattern is taken as it is", () => {
  assert.deepEqual(
    fillLaunch({ argv: ["{session}/{session}"], env: {}, files: {} }, VALUES).argv,
    ["/runs/{port}/$&/s//runs/{port}/$&/s"],
  );
});

Deno.test("a placeholder that is not known is an error", () => {
  for (const word of ["{cache}", "{constructor}", "{__proto__}"]) {
    const launch = { argv: [word], env: {}, files: {} };
    assert.throws(() => fillLaunch(launch, VALUES), /Cannot fill a launch/);
  }
});
