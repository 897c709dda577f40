import assert from "node:assert/strict";
import { projectFolder, runCli } from "./child.ts";

const BARE = [
  "--allow-read",
  "--ignore-env",
  "--deny-net",
  "--deny-write",
  "--deny-run",
  "--deny-sys",
  "--deny-ffi",
];
const PIPELINES = Array.from(Deno.readDirSync(`${projectFolder}pipelines`), ({ name }) => name)
  .filter((name) => name.endsWith(".yaml"));

for (const command of ["check", "plan"]) {
  for (const name of PIPELINES) {
    Deno.test(`${command} ${name} needs to read, and nothing else`, async () => {
      const { exitCode, stderr } = await runCli([command, `pipelines/${name}`], {
        cwd: projectFolder,
        flags: BARE,
      });
      assert.equal(exitCode, 0, stderr);
    });
  }
}

Deno.test("a plan reads this project and the pipeline's folder only", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "stowage-read-" });
  try {
    Deno.copyFileSync(`${projectFolder}pipelines/tiny.yaml`, `${folder}/tiny.yaml`);
    const { exitCode, stdout, stderr } = await runCli(["plan", `${folder}/tiny.yaml`], {
      flags: [`--allow-read=${projectFolder},${folder}`, "--ignore-env"],
    });
    assert.equal(exitCode, 0, stderr);
    assert.match(stdout, /^Plan of tiny /);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("a plan does without the environment where Deno may not read it", async () => {
  const { exitCode, stderr } = await runCli(["plan", "pipelines/bloom.yaml"], {
    cwd: projectFolder,
    flags: ["--allow-read", "--no-prompt"],
  });
  assert.equal(exitCode, 0, stderr);
});

Deno.test("--out needs to write, and says so", async () => {
  const { exitCode, stderr } = await runCli(
    ["plan", "pipelines/tiny.yaml", "--out", "/tmp/never-written.json"],
    { cwd: projectFolder, flags: BARE },
  );
  assert.equal(exitCode, 2);
  assert.match(stderr, /error\[STW601\].*\n.*--allow-write/);
});

Deno.test("without permission to read the pipeline, the diagnostic says so", async () => {
  const { exitCode, stderr } = await runCli(["check", "/etc/hostname"], {
    flags: [`--allow-read=${projectFolder}`, "--ignore-env"],
  });
  assert.equal(exitCode, 2);
  assert.match(stderr, /error\[STW117\].*\n.*--allow-read/);
});

Deno.test("a run without its permissions says which, and is no bug", async () => {
  const { exitCode, stderr } = await runCli(["run", "pipelines/tiny.yaml"], {
    cwd: projectFolder,
    flags: ["--allow-read", "--no-prompt"],
  });
  assert.equal(exitCode, 2);
  assert.match(stderr, /error\[STW602\]: .*--allow-.*\n.*deno run -A/);
});
