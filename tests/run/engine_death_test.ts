/** Workers end with their engine, whatever stands between: by stdin, or by the number of the engine alone. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { ENGINE_VARIABLE, engineIdentity } from "../../lib/run/engine_identity.ts";
import { readProcess } from "../../lib/run/process_tree.ts";

const WORKER = fileURLToPath(new URL("./fixtures/hold_engine.py", import.meta.url));

/** Starts the worker in a session of its own, with an engine that is `of`; resolves when it says that it is ready. */
async function start(of: string, stdin: "null" | "piped") {
  const child = new Deno.Command("python3", {
    args: [WORKER],
    env: { [ENGINE_VARIABLE]: of, STOWAGE_WATCH_STDIN: "1" },
    stdin,
    stdout: "piped",
    stderr: "inherit",
    detached: true,
  }).spawn();
  const decoder = new TextDecoder();
  const reader = child.stdout.getReader();
  for (let text = ""; !text.includes("ready\n");) {
    const { value, done } = await reader.read();
    assert.ok(!done, "it ended before it was ready");
    text += decoder.decode(value, { stream: true });
  }
  await reader.cancel();
  return child;
}

async function within(seconds: number, child: Deno.ChildProcess): Promise<string | null> {
  const timer = setTimeout(() => child.kill("SIGTERM"), seconds * 1000);
  const { signal } = await child.status;
  clearTimeout(timer);
  return signal;
}

Deno.test("a worker whose stdin ends is gone at once", async () => {
  const child = await start("", "piped");
  await child.stdin.close();
  assert.equal(await within(10, child), "SIGKILL");
});

Deno.test("a worker that has another stdin sees within seconds that its engine is gone", async () => {
  const engine = new Deno.Command("/usr/bin/sleep", { args: ["300"] }).spawn();
  const ticks = readProcess(engine.pid)?.startTicks;
  const identity = engineIdentity().split("/").slice(0, 2).concat(String(engine.pid), `${ticks}`);
  const child = await start(identity.join("/"), "null");
  assert.ok(readProcess(child.pid) !== undefined);
  engine.kill("SIGKILL");
  await engine.status;
  assert.equal(await within(10, child), "SIGKILL");
});

Deno.test("a worker whose engine lives lives too, and so does one whose engine is elsewhere", async () => {
  for (const identity of [engineIdentity(), "another-boot/1/1/1"]) {
    const child = await start(identity, "null");
    assert.equal(await within(2, child), "SIGTERM");
  }
});
