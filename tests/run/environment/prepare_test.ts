import assert from "node:assert/strict";
import { join } from "node:path";
import { resolveStack } from "../../../lib/catalog/stack.ts";
import { type EnvironmentRequest, prepareEnvironment } from "../../../lib/run/environment.ts";
import { WORKERS_DIRECTORY } from "../../../lib/workers/directory.ts";

const FAKE = new URL("./fixtures/fake_python.py", import.meta.url).pathname;

interface Place {
  readonly cache: string;
  readonly said: string[];
  prepare(changes?: Partial<EnvironmentRequest>): ReturnType<typeof prepareEnvironment>;
  /** How often pip has installed. */
  installs(): number;
  /** The one environment. */
  folder(): string;
}

/** A cache of its own, with the fake interpreter as the only Python on PATH. */
async function withFake(work: (place: Place) => Promise<void>): Promise<void> {
  const cache = await Deno.makeTempDir({ prefix: "stowage-environment-" });
  const path = Deno.env.get("PATH") ?? "";
  const bin = join(cache, "bin");
  await Deno.mkdir(bin);
  await Deno.symlink(FAKE, join(bin, "python3.11"));
  Deno.env.set("PATH", `${bin}:${path}`);
  const said: string[] = [];
  const stack = resolveStack({ name: "current" }).value;
  assert.ok(stack !== undefined);
  try {
    await work({
      cache,
      said,
      prepare: (changes = {}) =>
        prepareEnvironment({
          stack,
          anyVersions: false,
          needsDeepspeed: false,
          cacheDirectory: cache,
          workersDirectory: WORKERS_DIRECTORY,
          say: (line) => said.push(line),
          ...changes,
        }),
      installs() {
        try {
          return Deno.readTextFileSync(join(cache, "environments", "installs")).trim().split("\n")
            .length;
        } catch {
          return 0;
        }
      },
      folder() {
        const [found] = [...Deno.readDirSync(join(cache, "environments"))].filter((entry) =>
          entry.isDirectory
        );
        return join(cache, "environments", found?.name ?? "");
      },
    });
  } finally {
    Deno.env.set("PATH", path);
    await Deno.remove(cache, { recursive: true });
  }
}

Deno.test("an environment is made once, says what it downloads, and is used again", () =>
  withFake(async ({ prepare, said, installs, folder }) => {
    const first = await prepare();
    assert.deepEqual(first.diagnostics, []);
    assert.equal(first.value?.created, true);
    assert.equal(first.value?.python, join(folder(), "bin", "python"));
    assert.ok(said.some((line) => line === "downloading torch 2.13.0 (180.0 MB)"));
    assert.match(said[1] ?? "", /to download and .* on disk/);
    const second = await prepare();
    assert.equal(second.value?.created, false);
    assert.equal(installs(), 1);
  }));

Deno.test("two runs that start at once make one environment", () =>
  withFake(async ({ prepare, installs }) => {
    const [left, right] = await Promise.all([prepare(), prepare()]);
    assert.deepEqual([left.value?.created, right.value?.created].sort(), [false, true]);
    assert.equal(left.value?.python, right.value?.python);
    assert.equal(installs(), 1);
  }));

Deno.test("a half made environment is made again", () =>
  withFake(async ({ prepare, folder, installs, said }) => {
    await prepare();
    await Deno.remove(join(folder(), "ready.json"));
    await Deno.writeTextFile(join(folder(), "bin", "python"), "#!/bin/false\n");
    const again = await prepare();
    assert.equal(again.value?.created, true);
    assert.equal(installs(), 2);
    assert.ok(said.some((line) => line.includes("half made")));
  }));

Deno.test("an environment that somebody altered is made again", () =>
  withFake(async ({ prepare, folder, installs }) => {
    await prepare();
    await Deno.writeTextFile(join(folder(), "altered"), "");
    assert.equal((await prepare()).value?.created, true);
    assert.equal(installs(), 2);
  }));

Deno.test("a failed installation tells why, and the next run succeeds", () =>
  withFake(async ({ cache, prepare }) => {
    await Deno.mkdir(join(cache, "environments"));
    await Deno.writeTextFile(join(cache, "environments", "fail"), "");
    const failed = await prepare();
    assert.equal(failed.value, undefined);
    assert.match(failed.diagnostics[0]?.message ?? "", /torch==2\.13\.0/);
    await Deno.remove(join(cache, "environments", "fail"));
    assert.equal((await prepare()).value?.created, true);
  }));

Deno.test("a missing compiler is told before anything is installed", () =>
  withFake(async ({ prepare, installs }) => {
    const cxx = Deno.env.get("CXX");
    Deno.env.set("CXX", "no-such-compiler");
    try {
      const { diagnostics } = await prepare({ needsDeepspeed: true });
      assert.deepEqual(diagnostics.map(({ code }) => code), ["STW404"]);
      assert.equal(installs(), 0);
    } finally {
      if (cxx === undefined) Deno.env.delete("CXX");
      else Deno.env.set("CXX", cxx);
    }
  }));

Deno.test("an interpreter with other versions is refused, unless any will do", () =>
  withFake(async ({ cache, prepare }) => {
    const python = join(cache, "bin", "python");
    await Deno.copyFile(FAKE, python);
    await Deno.writeTextFile(join(cache, "altered"), "");
    const refused = await prepare({ python });
    assert.match(refused.diagnostics[0]?.message ?? "", /torch/);
    assert.match(refused.diagnostics[0]?.help ?? "", /--stack detected/);
    const taken = await prepare({ python, anyVersions: true });
    assert.equal(taken.value?.versions["torch"], "2.0.0");
  }));

Deno.test("a cache that cannot be written is a diagnostic", () =>
  withFake(async ({ prepare }) => {
    const { diagnostics } = await prepare({ cacheDirectory: "/proc/stowage" });
    assert.match(diagnostics[0]?.message ?? "", /\/proc\/stowage/);
  }));

Deno.test("without any interpreter the names that were tried are told", () =>
  withFake(async ({ cache, prepare }) => {
    const path = Deno.env.get("PATH") ?? "";
    Deno.env.set("PATH", join(cache, "nothing"));
    try {
      const { diagnostics } = await prepare();
      assert.deepEqual(diagnostics.map(({ code }) => code), ["STW401"]);
    } finally {
      Deno.env.set("PATH", path);
    }
  }));
