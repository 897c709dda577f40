import assert from "node:assert/strict";
import { join } from "node:path";
import { withLock } from "../../../lib/run/environment/lock.ts";

async function inFolder(work: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "stowage-lock-" });
  try {
    await work(join(folder, "lock"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("who comes second waits, is told so, and goes on", () =>
  inFolder(async (path) => {
    const said: string[] = [];
    const order: string[] = [];
    const entered = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    const first = withLock(path, () => {}, async () => {
      order.push("first in");
      entered.resolve();
      await release.promise;
      order.push("first out");
      return { value: 1, diagnostics: [] };
    });
    await entered.promise;
    const second = withLock(path, (line) => {
      said.push(line);
      release.resolve();
    }, () => {
      order.push("second in");
      return Promise.resolve({ value: 2, diagnostics: [] });
    });
    assert.deepEqual((await Promise.all([first, second])).map(({ value }) => value), [1, 2]);
    assert.deepEqual(order, ["first in", "first out", "second in"]);
    assert.equal(said.length, 1);
    assert.ok(said[0]?.includes(path));
  }));

Deno.test("the lock is free after work that failed", () =>
  inFolder(async (path) => {
    await assert.rejects(withLock(path, () => {}, () => Promise.reject(new Error("bug"))), /bug/);
    const { value } = await withLock(path, () => {}, () =>
      Promise.resolve({ value: 3, diagnostics: [] }));
    assert.equal(value, 3);
  }));

Deno.test("waiting can be interrupted", () =>
  inFolder(async (path) => {
    using holder = await Deno.open(path, { create: true, write: true });
    await holder.lock(true);
    const interrupt = new AbortController();
    const outcome = await withLock(
      path,
      () => interrupt.abort(),
      () => Promise.reject(new Error("must not start")),
      interrupt.signal,
    );
    assert.equal(outcome.value, undefined);
    assert.equal(outcome.diagnostics[0]?.severity, "error");
  }));

Deno.test("a folder that cannot be written is a diagnostic", async () => {
  const outcome = await withLock("/proc/stowage/lock", () => {}, () => {
    throw new Error("must not start");
  });
  assert.match(outcome.diagnostics[0]?.message ?? "", /\/proc\/stowage\/lock/);
});
