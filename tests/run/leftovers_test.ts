import assert from "node:assert/strict";
import { engineIdentity, isGone } from "../../lib/run/engine_identity.ts";
import { endLeftovers, findLeftovers } from "../../lib/run/leftovers.ts";
import { runs } from "./scripted.ts";

function startMarked(engine: string): Deno.ChildProcess {
  return new Deno.Command("/usr/bin/sleep", {
    args: ["300"],
    env: { STOWAGE_ENGINE: engine },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
}

Deno.test("this engine is not gone; one with its number that started at another time is", () => {
  const identity = engineIdentity();
  assert.equal(isGone(identity), false);
  assert.equal(isGone(identity.replace(/\d+$/, "1")), true);
});

Deno.test("of an engine in another namespace or after another boot nothing is known", () => {
  const [boot, namespace, pid] = engineIdentity().split("/");
  assert.equal(isGone(`${boot}/1/${pid}/1`), false);
  assert.equal(isGone(`other/${namespace}/${pid}/1`), false);
  assert.equal(isGone(""), false);
});

Deno.test("processes of an engine that is gone are found, named and ended; others are left", async () => {
  const orphan = startMarked(engineIdentity().replace(/\d+$/, "1"));
  const own = startMarked(engineIdentity());
  try {
    const found = findLeftovers().filter(({ entry }) => [orphan.pid, own.pid].includes(entry.pid));
    assert.deepEqual(found.map(({ entry, command }) => [entry.pid, command]), [
      [orphan.pid, "/usr/bin/sleep 300"],
    ]);
    const ended = await endLeftovers(found);
    assert.deepEqual(ended.map(({ entry }) => entry.pid), [orphan.pid]);
    assert.equal((await orphan.status).signal, "SIGKILL");
    assert.ok(runs(own.pid));
  } finally {
    own.kill();
    await own.status;
  }
});
