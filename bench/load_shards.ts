/**
 * Loading a checkpoint on two cpu ranks: all of it on each rank and then cut, the rank's slices, the rank's own file; seconds,
 * and the growth of private memory at its peak (the fuller rank). Files are in the page cache. Run it with:
 * deno run -A bench/load_shards.ts [hidden size, default 2048: a checkpoint of 1.5 GB in bfloat16]
 */
import { realEnvironment, stowage } from "../tests/real/environment.ts";
import { type LoadMode, makeCheckpoint, measureLoad } from "../tests/real/load_memory.ts";

const MODES: readonly LoadMode[] = [
  "whole",
  "unsharded",
  "presharded",
  "whole-random",
  "random",
];
const ROUNDS = 2;
const hidden = Number(Deno.args[0] ?? 2048);
const config = {
  model_type: "llama",
  vocab_size: 32000,
  hidden_size: hidden,
  intermediate_size: 2.75 * hidden,
  num_hidden_layers: 12,
  num_attention_heads: 16,
  num_key_value_heads: 8,
  bos_token_id: 1,
  eos_token_id: 2,
  pad_token_id: 3,
};
const { python } = await realEnvironment();
const folder = Deno.makeTempDirSync({ prefix: "stowage-bench-" });
try {
  await makeCheckpoint(python, folder, config, "bfloat16");
  const begun = performance.now();
  const { code, stderr } = await stowage(["shard", folder, "--tensor-parallel", "2"], folder);
  if (code !== 0) throw new Error(stderr);
  console.log(JSON.stringify({ mode: "shard", seconds: seconds(performance.now() - begun) }));
  for (const mode of MODES) {
    const rounds = [];
    for (let round = 0; round < ROUNDS; round++) {
      rounds.push(await measureLoad(python, { mode, folder, dtype: "bfloat16" }));
    }
    const all = rounds.flat();
    const [{ shareBytes = 0, wholeBytes = 0, largestBytes = 0 } = {}] = all;
    console.log(JSON.stringify({
      mode,
      // Of each round the slower rank, of the rounds the quicker one.
      seconds: seconds(
        1000 * Math.min(...rounds.map((ranks) => Math.max(...ranks.map((one) => one.seconds)))),
      ),
      dataMiB: mib(Math.max(...all.map((one) => one.dataBytes))),
      residentMiB: mib(Math.max(...all.map((one) => one.residentBytes))),
      shareMiB: mib(shareBytes),
      largestMiB: mib(largestBytes),
      wholeMiB: mib(wholeBytes),
    }));
  }
} finally {
  Deno.removeSync(folder, { recursive: true });
}

function seconds(ms: number): number {
  return Math.round(ms / 10) / 100;
}

function mib(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}
