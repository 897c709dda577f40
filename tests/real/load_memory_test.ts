/** Ranks that load their share never hold more than it and one tensor; loading whole holds the model. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { realEnvironment, stowage } from "./environment.ts";
import { type LoadMeasure, type LoadMode, makeCheckpoint, measureLoad } from "./load_memory.ts";

/** Layers outweigh the embedding, which every rank keeps whole, and everything outweighs the libraries. */
const CONFIG = {
  model_type: "bloom",
  vocab_size: 2048,
  hidden_size: 768,
  n_layer: 8,
  n_head: 8,
  bos_token_id: 1,
  eos_token_id: 2,
  pad_token_id: 3,
};

/** Objects of Python and buffers of the group: 6.7 MiB. Less than another tensor of the size of the largest, 9 MiB. */
const SLACK_BYTES = 12 * 2 ** 20;

/**
 * What is freed goes back to the system. By itself glibc raises its threshold to the largest block that was ever freed, and
 * keeps what is below it: one, two or three tensors that are gone stay resident, by where small objects came to lie.
 */
const RETURNS_MEMORY = { MALLOC_MMAP_THRESHOLD_: String(2 ** 20) };

Deno.test("loading a share takes the share and at most one tensor, from files, shards and random values", async (t) => {
  const { python } = await realEnvironment();
  const folder = Deno.makeTempDirSync({ prefix: "stowage-load-" });
  try {
    await makeCheckpoint(python, folder, CONFIG, "float32");
    const { code, stderr } = await stowage(["shard", folder, "--tensor-parallel", "2"], folder);
    assert.equal(code, 0, stderr);
    assert.ok(Deno.statSync(join(folder, "tp-2", "stowage-shards.json")).isFile);
    const measured = new Map<LoadMode, readonly LoadMeasure[]>();
    for (const mode of ["whole", "unsharded", "presharded", "random"] as const) {
      const request = { mode, folder, dtype: "float32", env: RETURNS_MEMORY };
      measured.set(mode, await measureLoad(python, request));
    }
    const wholeData = Math.min(...measured.get("whole")?.map(({ dataBytes }) => dataBytes) ?? []);
    for (const [mode, ranks] of measured) {
      await t.step(mode, () => {
        for (const { dataBytes, residentBytes, shareBytes, largestBytes, wholeBytes } of ranks) {
          const text = `${mode}: ${JSON.stringify(ranks)}`;
          // The files of a whole model are mapped for writing, which counts whether pages are written or not.
          if (mode === "whole") assert.ok(dataBytes > wholeBytes + 0.9 * shareBytes / 2, text);
          else {
            const extra = mode === "random" ? largestBytes : 0;
            assert.ok(residentBytes < shareBytes + extra + SLACK_BYTES, text);
            assert.ok(residentBytes > 0.9 * shareBytes, text);
            assert.ok(dataBytes < 0.75 * wholeData, `${text}, loading whole ${wholeData}`);
          }
        }
      });
    }
    await t.step("a rank that finds the file of another says so before it reads", async () => {
      const names = [0, 1].map((rank) =>
        join(folder, "tp-2", `rank-${rank}-of-2-00001-of-00001.safetensors`)
      );
      const [first = "", second = ""] = names;
      Deno.renameSync(first, `${first}.other`);
      Deno.renameSync(second, first);
      Deno.renameSync(`${first}.other`, second);
      await assert.rejects(
        measureLoad(python, { mode: "presharded", folder, dtype: "float32" }),
        /ValueError: STW709: .*rank-0-of-2.*was cut for rank 1 of 2, this is rank 0 of 2/,
      );
    });
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("a pipeline whose ranks read their own files gives the tokens of one that cuts", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "stowage-presharded-" });
  try {
    const pipeline = join(folder, "presharded.json");
    const common = { use: "ds-inference", dtype: "float32", tensorParallel: 2 };
    Deno.writeTextFileSync(
      pipeline,
      JSON.stringify({
        model: {
          name: "small",
          weights: "random",
          config: { ...CONFIG, n_layer: 4, hidden_size: 256, initializer_range: 0.2 },
        },
        hardware: "2x cpu",
        generate: { max_new_tokens: 6 },
        prompts: { tokens: 8 },
        strategies: [
          { ...common, name: "unsharded" },
          { ...common, name: "presharded", checkpoint: "presharded" },
        ],
        grid: { batchSize: [2] },
        benchmark: { warmup: 1, cycles: 1 },
      }),
    );
    const { code, stdout, stderr } = await stowage(["run", pipeline, "--format", "json"], folder);
    assert.equal(code, 0, stderr);
    const { cells } = JSON.parse(stdout);
    const hashes = cells.map((cell: { measurement: { tokensSha256: string } }) =>
      cell.measurement.tokensSha256
    );
    assert.equal(hashes.length, 2);
    assert.match(hashes[0], /^[0-9a-f]{64}$/);
    assert.equal(hashes[0], hashes[1]);
    for (const { measurement, prediction } of cells) {
      const ratio = measurement.devices[0].peakBytes / prediction.devices[0].peakBytes.mid;
      assert.ok(ratio > 0.9 && ratio < 1.1, `measured ${ratio} of the prediction`);
    }
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
