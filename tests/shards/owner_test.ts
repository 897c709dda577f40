/** Whose a file of shards is: files of all ranks look alike from outside. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { diskReader } from "../../lib/catalog/files.ts";
import { readCheckpoint } from "../../lib/catalog/weights.ts";
import { findShards, type FoundShards } from "../../lib/shards/find.ts";
import { readPipeline } from "../../lib/commands/input.ts";
import { makePlan } from "../../lib/commands/make_plan.ts";
import { shardCheckpoint } from "../../lib/shards/shard.ts";
import { LLAMA, optionsOf, writeCheckpoint } from "./checkpoints.ts";

/** Cut into files of the same size for both ranks. */
const EVEN = { ...LLAMA, hidden_size: 128, intermediate_size: 128, vocab_size: 128 };
const FIRST = "rank-0-of-2-00001-of-00001.safetensors";
const SECOND = "rank-1-of-2-00001-of-00001.safetensors";

/** A checkpoint with its shards for two ranks, removed afterwards. */
async function withShards(body: (folder: string, out: string) => Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync({ prefix: "stowage-owner-" });
  try {
    writeCheckpoint(folder, EVEN);
    const out = join(folder, "tp-2");
    assert.deepEqual((await shardCheckpoint(optionsOf(folder, out, 2))).diagnostics, []);
    await body(folder, out);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function swap(out: string): void {
  Deno.renameSync(join(out, FIRST), join(out, "between"));
  Deno.renameSync(join(out, SECOND), join(out, FIRST));
  Deno.renameSync(join(out, "between"), join(out, SECOND));
}

function found(folder: string): FoundShards {
  const files = readCheckpoint(folder, diskReader).value?.weightFiles ?? [];
  return findShards(folder, files, diskReader);
}

function headerOf(path: string): Record<string, unknown> {
  const bytes = Deno.readFileSync(path);
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  return JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
}

/** Puts another header of the same length before the data. */
function editHeader(path: string, edit: (text: string) => string): void {
  const bytes = Deno.readFileSync(path);
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const text = edit(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  bytes.set(new TextEncoder().encode(text.padEnd(length)).subarray(0, length), 8);
  Deno.writeFileSync(path, bytes);
}

Deno.test("every file names its rank, the number of ranks and what it was cut from", () =>
  withShards((_, out) => {
    const manifest = JSON.parse(Deno.readTextFileSync(join(out, "stowage-shards.json")));
    const owners = [FIRST, SECOND].map((name) => headerOf(join(out, name))["__metadata__"]);
    const common = {
      format: "pt",
      "stowage.ranks": "2",
      "stowage.source": manifest.source.sha256,
    };
    assert.deepEqual(owners, [
      { ...common, "stowage.rank": "0" },
      { ...common, "stowage.rank": "1" },
    ]);
    return Promise.resolve();
  }));

Deno.test("exchanged files are found although their sizes fit, and shard mends them", () =>
  withShards(async (folder, out) => {
    assert.equal(Deno.statSync(join(out, FIRST)).size, Deno.statSync(join(out, SECOND)).size);
    const before = Deno.readFileSync(join(out, FIRST));
    swap(out);
    const { ranks, misplaced } = found(folder);
    assert.deepEqual(ranks, []);
    assert.match(misplaced.get(2)?.reason ?? "", /cut for rank 1 of 2, .* that of rank 0 of 2/);
    assert.equal((await shardCheckpoint(optionsOf(folder, out, 2))).value?.written, 2);
    assert.deepEqual(Deno.readFileSync(join(out, FIRST)), before);
    assert.deepEqual(found(folder).ranks, [2]);
  }));

Deno.test("a pipeline that reads them is told the file, the code and the next step", () =>
  withShards(async (folder, out) => {
    swap(out);
    const pipeline = (model: string) => ({
      model,
      hardware: "2x cpu",
      strategies: [
        { use: "ds-inference", dtype: "bfloat16", tensorParallel: 2, checkpoint: "presharded" },
      ],
      grid: { batchSize: [1] },
    });
    for (const model of [folder, out]) {
      const path = join(folder, "pipeline.json");
      Deno.writeTextFileSync(path, JSON.stringify(pipeline(model)));
      const { diagnostics } = await makePlan(readPipeline(path));
      const [told] = diagnostics.filter(({ severity }) => severity === "error");
      assert.equal(told?.code, "STW709", JSON.stringify(diagnostics));
      assert.match(told?.message ?? "", /rank-0-of-2-00001-of-00001.safetensors.*rank 1 of 2/);
      assert.match(told?.help ?? "", /Run stowage shard/);
    }
  }));

Deno.test("a file of another checkpoint of the same shape, or one that names no rank, is not taken", () =>
  withShards((folder, out) => {
    const path = join(out, SECOND);
    const own = Deno.readFileSync(path);
    editHeader(path, (text) => text.replace(/"stowage.source":"..../, '"stowage.source":"0000'));
    assert.match(found(folder).misplaced.get(2)?.reason ?? "", /another checkpoint/);
    Deno.writeFileSync(path, own);
    editHeader(path, (text) => text.replaceAll("stowage.rank", "notices.rank"));
    assert.match(found(folder).misplaced.get(2)?.reason ?? "", /does not say for which rank/);
    return Promise.resolve();
  }));

Deno.test("weights that were trained further are not those that were cut, though their headers are", () =>
  withShards((folder) => {
    const path = join(folder, "model-00001-of-00002.safetensors");
    const bytes = Deno.readFileSync(path);
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    const middle = Math.ceil((8 + length + bytes.length) / 2);
    bytes[middle] = (bytes[middle] ?? 0) ^ 1;
    Deno.writeFileSync(path, bytes);
    assert.deepEqual([found(folder).ranks, found(folder).misplaced.size], [[], 0]);
    return Promise.resolve();
  }));

Deno.test("shards of something else give way where the folder is the engine's own", () =>
  withShards(async (folder, out) => {
    writeCheckpoint(folder, { ...EVEN, vocab_size: 130 });
    const options = optionsOf(folder, out, 2);
    assert.equal((await shardCheckpoint(options)).diagnostics[0]?.code, "STW702");
    assert.equal((await shardCheckpoint({ ...options, replace: true })).value?.written, 2);
    assert.deepEqual(found(folder).ranks, [2]);
  }));
