import assert from "node:assert/strict";
import { join } from "node:path";
import { startProcess } from "../../lib/run/process.ts";

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "stowage-process-" });
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Starts a shell script; `said` resolves with its first line. */
function startShell(script: string, folder: string) {
  const first = Promise.withResolvers<string>();
  const lines: string[] = [];
  const process = startProcess({
    argv: ["sh", "-c", script],
    env: {},
    logPath: join(folder, "log"),
    onLine(line) {
      lines.push(line);
      first.resolve(line);
    },
  });
  return { ...process, lines, said: first.promise };
}

/** Whether a process runs; a zombie does not. */
function runs(pid: string): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
  } catch {
    return false;
  }
}

async function appears(path: string): Promise<boolean> {
  for (let attempt = 0; attempt < 400; attempt++) {
    try {
      Deno.statSync(path);
      return true;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
  return false;
}

Deno.test("the log is appended with both streams, and the end tells how it went", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(join(folder, "log"), "before\n");
    const end = await startShell("echo out; echo err >&2; exit 3", folder).done;
    assert.deepEqual([end.code, end.signal, end.logError], [3, null, null]);
    const log = await Deno.readTextFile(join(folder, "log"));
    assert.deepEqual(log.trim().split("\n").sort(), ["before", "err", "out"]);
    assert.deepEqual(end.tail.trim().split("\n").sort(), ["err", "out"]);
  }));

Deno.test("a child leads a process group of its own", () =>
  withFolder(async (folder) => {
    const child = startShell("cut -d' ' -f5 /proc/$$/stat", folder);
    await child.done;
    assert.deepEqual(child.lines, [String(child.pid)]);
  }));

Deno.test("the environment is merged over the parent's", () =>
  withFolder(async (folder) => {
    Deno.env.set("STOWAGE_TEST_PARENT", "parent");
    try {
      const { done } = startProcess({
        argv: ["/bin/sh", "-c", 'echo "$STOWAGE_TEST_PARENT,$OWN"'],
        env: { OWN: "own" },
        logPath: join(folder, "log"),
      });
      assert.equal((await done).tail, "parent,own\n");
    } finally {
      Deno.env.delete("STOWAGE_TEST_PARENT");
    }
  }));

Deno.test("the tail has the last 16 KiB and does not begin within a character", () =>
  withFolder(async (folder) => {
    const { tail } = await startShell(
      `python3 -c 'import sys; sys.stdout.buffer.write(("\\u20ac" * 20000 + "!").encode())'`,
      folder,
    ).done;
    assert.equal(tail, "€".repeat(5461) + "!"); // 16384 bytes: 5461 whole characters and one byte
    assert.equal((await Deno.stat(join(folder, "log"))).size, 60001);
  }));

Deno.test("lines are handed over whole up to 8 KiB, at carriage returns too, and the last without an end", () =>
  withFolder(async (folder) => {
    const child = startShell(
      `printf 'a\\r50%%\\r100%%\\r\\n\\nb\\n'; head -c 10000 /dev/zero | tr '\\0' x; printf '\\nend'`,
      folder,
    );
    await child.done;
    const sizes = child.lines.map((line) => line.length > 9 ? line.length : line);
    assert.deepEqual(sizes, ["a", "50%", "100%", "b", 8192, 1808, "end"]);
  }));

Deno.test("a full disk is noted, and the child is drained all the same", async () => {
  const { done } = startProcess({
    argv: ["sh", "-c", "head -c 300000 /dev/zero | tr '\\0' x; echo end"],
    env: {},
    logPath: "/dev/full",
  });
  const end = await done;
  assert.match(end.logError ?? "", /No space left/);
  assert.equal(end.code, 0);
  assert.match(end.tail, /xend\n$/);
});

Deno.test("what a listener throws comes out of done, after the child was drained", () =>
  withFolder(async (folder) => {
    const { done } = startProcess({
      argv: ["sh", "-c", "echo first; echo second"],
      env: {},
      logPath: join(folder, "log"),
      onLine(line) {
        throw new Error(line);
      },
    });
    await assert.rejects(done, { message: "first" });
    assert.equal(await Deno.readTextFile(join(folder, "log")), "first\nsecond\n");
  }));

Deno.test("a program that does not exist throws at once", () => {
  const request = { argv: ["/nowhere/program"], env: {}, logPath: "/dev/null" };
  assert.throws(() => startProcess(request), Deno.errors.NotFound);
});

Deno.test("stop ends a child with TERM", () =>
  withFolder(async (folder) => {
    const child = startShell("echo ready; exec sleep 300", folder);
    await child.said;
    await Promise.all([child.stop(), child.stop()]);
    assert.deepEqual([(await child.done).signal, (await child.done).code], ["SIGTERM", 143]);
    await child.stop();
  }));

Deno.test("stop kills a child that ignores TERM, after the grace", () =>
  withFolder(async (folder) => {
    const child = startShell("trap '' TERM; echo ready; while :; do sleep 0.05; done", folder);
    await child.said;
    await child.stop(0.2);
    assert.equal((await child.done).signal, "SIGKILL");
  }));

Deno.test("stop lets a child that handles TERM finish its work", () =>
  withFolder(async (folder) => {
    const child = startShell(
      "trap 'sleep 0.2; echo tidy; exit 7' TERM; echo ready; while :; do sleep 0.05; done",
      folder,
    );
    await child.said;
    await child.stop(20);
    assert.deepEqual([(await child.done).code, child.lines.at(-1)], [7, "tidy"]);
  }));

Deno.test("stop reaches a grandchild in a session of its own", () =>
  withFolder(async (folder) => {
    const child = startShell("setsid sh -c 'echo $$; exec sleep 300' & wait", folder);
    const grandchild = await child.said;
    assert.ok(runs(grandchild));
    await child.stop();
    assert.ok(!runs(grandchild));
  }));

Deno.test("stop reaches a grandchild that has cleared its environment", () =>
  withFolder(async (folder) => {
    const script = "setsid env -i /bin/sh -c 'echo $$; exec /bin/sleep 300' & wait";
    const child = startShell(script, folder);
    const grandchild = await child.said;
    await child.stop();
    assert.ok(!runs(grandchild));
  }));

Deno.test("a grandchild that outlives the child neither delays its end nor survives stop", () =>
  withFolder(async (folder) => {
    const child = startShell("setsid sh -c 'echo $$; exec sleep 300' & sleep 0.2; exit 5", folder);
    const grandchild = await child.said;
    assert.equal((await child.done).code, 5);
    assert.ok(runs(grandchild));
    await child.stop();
    assert.ok(!runs(grandchild));
  }));

Deno.test("stop leaves the processes of another child alone", () =>
  withFolder(async (folder) => {
    const [one, other] = ["echo ready; exec sleep 300", "echo ready; exec sleep 300"]
      .map((script) => startShell(script, folder));
    assert.ok(one !== undefined && other !== undefined);
    await Promise.all([one.said, other.said]);
    await one.stop();
    assert.ok(runs(String(other.pid)));
    await other.stop();
  }));

Deno.test("without a held stdin a child reads its end at once", () =>
  withFolder(async (folder) => {
    assert.equal((await startShell("cat; echo over", folder).done).tail, "over\n");
  }));

Deno.test("a held stdin stays open while the child lives", () =>
  withFolder(async (folder) => {
    const script = "read -t 0.3 line; if [ $? -gt 128 ]; then echo timed out; fi";
    const child = startProcess({
      argv: ["bash", "-c", script],
      env: {},
      logPath: join(folder, "log"),
      holdStdin: true,
    });
    assert.equal((await child.done).tail, "timed out\n");
  }));

Deno.test("a held stdin closes when this process is killed", () =>
  withFolder(async (folder) => {
    const endedPath = join(folder, "ended");
    const engine = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--allow-all",
        new URL("./fixtures/hold_stdin.ts", import.meta.url).href,
        join(folder, "log"),
        endedPath,
      ],
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const reader = engine.stdout.getReader();
    const { value } = await reader.read();
    assert.equal(new TextDecoder().decode(value), "started\n");
    assert.throws(() => Deno.statSync(endedPath), Deno.errors.NotFound);
    engine.kill("SIGKILL");
    await engine.status;
    await reader.cancel();
    assert.ok(await appears(endedPath));
  }));
