import assert from "node:assert/strict";
import { join } from "node:path";
import { removeStaleBatons } from "../../../lib/run/environment/batons.ts";

Deno.test("a baton that nobody holds is removed, one that is held stays", async () => {
  const folder = await Deno.makeTempDir({ prefix: "stowage-batons-" });
  try {
    for (const name of ["dead", "held", "none"]) await Deno.mkdir(join(folder, name));
    await Deno.writeTextFile(join(folder, "dead", "lock"), "");
    using _held = await Deno.open(join(folder, "held", "lock"), { create: true, write: true });
    assert.deepEqual(await removeStaleBatons(folder), [join(folder, "dead", "lock")]);
    assert.ok(Deno.statSync(join(folder, "held", "lock")).isFile);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
