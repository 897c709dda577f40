import assert from "node:assert/strict";
import { join } from "node:path";
import { diskReader } from "../../lib/catalog/files.ts";
import { readCheckpoint } from "../../lib/catalog/weights.ts";
import { findShards } from "../../lib/shards/find.ts";
import { readManifest, type ShardManifest } from "../../lib/shards/manifest.ts";
import { shardCheckpoint } from "../../lib/shards/shard.ts";
import { BLOOM, LLAMA, optionsOf, readTensors, tensorsOf, writeCheckpoint } from "./checkpoints.ts";

/** A folder with a checkpoint, removed afterwards. */
async function withCheckpoint(
  config: Readonly<Record<string, unknown>>,
  body: (folder: string, out: string) => Promise<void>,
  rename?: (name: string) => string,
): Promise<void> {
  const folder = Deno.makeTempDirSync({ prefix: "stowage-shards-" });
  try {
    writeCheckpoint(folder, config, rename);
    await body(folder, join(folder, "tp-2"));
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

async function codesOf(...parameters: Parameters<typeof optionsOf>): Promise<readonly string[]> {
  const { diagnostics } = await shardCheckpoint(optionsOf(...parameters));
  return diagnostics.map(({ code, message }) => `${code} ${message}`);
}

/** Puts the parts of all ranks together again, and compares with the tensors that were cut. */
function assertWhole(out: string, config: Readonly<Record<string, unknown>>): void {
  const manifest = readManifest(out, diskReader);
  assert.ok(manifest !== undefined && !("problem" in manifest));
  const byRank = manifest.ranks.map((files) =>
    new Map(files.flatMap(({ name }) => [...readTensors(join(out, name))]))
  );
  for (const [name, { shape, values }] of tensorsOf(config)) {
    const entry: ShardManifest["tensors"][string] | undefined = manifest.tensors[name];
    const dimension: 0 | 1 | null = entry?.dimension ?? null;
    const sizes: readonly number[] = entry?.sizes ?? [];
    const [rows = 0, columns = 1] = shape;
    let begin = 0;
    for (const [rank, tensors] of byRank.entries()) {
      const found = tensors.get(name);
      const size = sizes[rank] ?? 0;
      const wanted = values.filter((_, index) => {
        const place = dimension === 1 ? index % columns : Math.floor(index / columns);
        return dimension === null || place >= begin && place < begin + size;
      });
      assert.deepEqual(found?.values, wanted, `${name} of rank ${rank}`);
      const kept: readonly number[] = dimension === null
        ? shape
        : dimension === 1
        ? [rows, size]
        : [
          size,
          ...shape.slice(1),
        ];
      assert.deepEqual(found?.shape, kept, name);
      begin += size;
    }
  }
}

Deno.test("the parts of all ranks together are the checkpoint, in files of bounded size", async () => {
  await withCheckpoint(LLAMA, async (folder, out) => {
    const options = { ...optionsOf(folder, out, 2), maxFileBytes: 40_000 };
    const { value, diagnostics } = await shardCheckpoint(options);
    assert.deepEqual(diagnostics, []);
    assert.ok((value?.written ?? 0) > 4);
    assertWhole(out, LLAMA);
    for (const { name } of Deno.readDirSync(out)) assert.ok(!name.endsWith(".part"), name);
    assert.equal(Deno.readTextFileSync(join(out, "config.json")), JSON.stringify(LLAMA));
  });
});

Deno.test("a tied head is not stored, and names without the model's prefix are found", async () => {
  await withCheckpoint(BLOOM, async (folder, out) => {
    assert.deepEqual(await codesOf(folder, out, 2), []);
    assertWhole(out, BLOOM);
    const manifest = readManifest(out, diskReader);
    assert.ok(manifest && !("problem" in manifest));
    assert.equal(manifest.tensors["lm_head.weight"], undefined);
    assert.deepEqual(manifest.tensors["transformer.word_embeddings.weight"]?.dimension, null);
  }, (name) => name.replace(/^transformer\./, ""));
});

Deno.test("a second call does nothing; one that was interrupted goes on with the files that are missing", async () => {
  await withCheckpoint(LLAMA, async (folder, out) => {
    const options = { ...optionsOf(folder, out, 2), maxFileBytes: 40_000 };
    const first = (await shardCheckpoint(options)).value;
    assert.ok(first);
    const again = (await shardCheckpoint(options)).value;
    assert.deepEqual(again, { ...first, kept: first.written, written: 0 });
    // As a kill leaves it: no manifest yet, one file half written.
    Deno.renameSync(join(out, "stowage-shards.json"), join(out, "stowage-shards.json.part"));
    const [lost] = [...Deno.readDirSync(out)].map(({ name }) => name)
      .filter((name) => name.endsWith(".safetensors")).sort();
    assert.ok(lost);
    Deno.renameSync(join(out, lost), join(out, `${lost}.part`));
    Deno.truncateSync(join(out, `${lost}.part`), 100);
    const resumed = (await shardCheckpoint(options)).value;
    assert.equal(resumed?.written, 1);
    assertWhole(out, LLAMA);
  });
});

Deno.test("an abort keeps what is whole", async () => {
  await withCheckpoint(LLAMA, async (folder, out) => {
    const options = { ...optionsOf(folder, out, 2), signal: AbortSignal.abort() };
    const { diagnostics } = await shardCheckpoint(options);
    assert.match(diagnostics[0]?.message ?? "", /it was interrupted/);
    assert.equal(readManifest(out, diskReader), undefined);
    assert.deepEqual(await codesOf(folder, out, 2), []);
    assertWhole(out, LLAMA);
  });
});

Deno.test("a folder that is taken is left as it is", async () => {
  await withCheckpoint(LLAMA, async (folder, out) => {
    Deno.mkdirSync(out);
    Deno.writeTextFileSync(join(out, "thesis.txt"), "");
    assert.match((await codesOf(folder, out, 2))[0] ?? "", /^STW702 .*such as thesis.txt/);
    Deno.removeSync(join(out, "thesis.txt"));
    assert.deepEqual(await codesOf(folder, out, 2), []);
    assert.match((await codesOf(folder, out, 1))[0] ?? "", /^STW702 .*another number of ranks/);
  });
});

Deno.test("what cannot be cut is told before anything is written", async () => {
  await withCheckpoint(LLAMA, async (folder, out) => {
    assert.match((await codesOf(folder, out, 4))[0] ?? "", /^STW701 .*4 attention heads \(2 of/);
    const config = { ...LLAMA, intermediate_size: 192 };
    Deno.writeTextFileSync(join(folder, "config.json"), JSON.stringify(config));
    assert.match((await codesOf(folder, out, 2))[0] ?? "", /^STW701 .*is \[160, 96\] where/);
    const deeper = { ...LLAMA, num_hidden_layers: 3 };
    Deno.writeTextFileSync(join(folder, "config.json"), JSON.stringify(deeper));
    assert.match(
      (await codesOf(folder, out, 2))[0] ?? "",
      /^STW701 .*no tensor for "model.layers.2/,
    );
    assert.equal(diskReader.stat(out), null);
  });
});

Deno.test("weights know the shards that were cut from them, as long as they stay the same", async () => {
  await withCheckpoint(LLAMA, async (folder, out) => {
    assert.deepEqual(await codesOf(folder, out, 2), []);
    const ranksOf = () => {
      const files = readCheckpoint(folder, diskReader).value?.weightFiles ?? [];
      return findShards(folder, files, diskReader).ranks;
    };
    assert.deepEqual(ranksOf(), [2]);
    assert.equal(optionsOf(out, "/nowhere", 2).model.isSharded, true);
    assert.deepEqual(optionsOf(out, "/nowhere", 2).model.shardedFor, [2]);
    writeCheckpoint(folder, { ...LLAMA, vocab_size: 41 });
    assert.deepEqual(ranksOf(), []);
  });
});

Deno.test("a file of shards that is cut off, or a manifest that is none, is told", async () => {
  await withCheckpoint(LLAMA, async (folder, out) => {
    assert.deepEqual(await codesOf(folder, out, 2), []);
    Deno.truncateSync(join(out, "rank-1-of-2-00001-of-00001.safetensors"), 100);
    const [cut] = readCheckpoint(out, diskReader).diagnostics;
    assert.match(cut?.message ?? "", /100 bytes/);
    Deno.writeTextFileSync(join(out, "stowage-shards.json"), '{ "formatVersion": "1.0" }');
    const [broken] = readCheckpoint(out, diskReader).diagnostics;
    assert.match(broken?.message ?? "", /stowage-shards.json/);
  });
});
