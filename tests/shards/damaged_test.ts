/** Shards that lost something after they were written. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { diskReader } from "../../lib/catalog/files.ts";
import { readCheckpoint } from "../../lib/catalog/weights.ts";
import { findShards } from "../../lib/shards/find.ts";
import { shardCheckpoint } from "../../lib/shards/shard.ts";
import { LLAMA, optionsOf, writeCheckpoint } from "./checkpoints.ts";

const DAMAGES: Readonly<Record<string, (path: string) => void>> = {
  "is gone": (path) => Deno.removeSync(path),
  "is cut off": (path) => Deno.truncateSync(path, 1000),
};

for (const [damage, inflict] of Object.entries(DAMAGES)) {
  Deno.test(`a file that ${damage} is not offered to ranks, and the same command mends it`, async () => {
    const folder = Deno.makeTempDirSync({ prefix: "stowage-shards-" });
    const out = join(folder, "tp-2");
    const ranks = () => {
      const files = readCheckpoint(folder, diskReader).value?.weightFiles ?? [];
      return findShards(folder, files, diskReader).ranks;
    };
    try {
      writeCheckpoint(folder, LLAMA);
      const options = { ...optionsOf(folder, out, 2), maxFileBytes: 40_000 };
      assert.deepEqual((await shardCheckpoint(options)).diagnostics, []);
      assert.deepEqual(ranks(), [2]);
      const [name = ""] = [...Deno.readDirSync(out)].map((entry) => entry.name)
        .filter((entry) => entry.startsWith("rank-1")).sort();
      const before = Deno.readFileSync(join(out, name));
      inflict(join(out, name));
      assert.deepEqual(ranks(), []);
      const mended = await shardCheckpoint(options);
      assert.equal(mended.value?.written, 1);
      assert.deepEqual(Deno.readFileSync(join(out, name)), before);
      assert.deepEqual(ranks(), [2]);
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  });
}
