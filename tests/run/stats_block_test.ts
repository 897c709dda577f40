/** The three blocks of the first README (Megatron-DeepSpeed 5153c402), and a log of each other variant. */
import assert from "node:assert/strict";
import { say } from "../commands/fake_terminal.ts";
import { parseStatsBlocks } from "../../lib/run/stats_block.ts";

const SEED = Deno.readTextFileSync(new URL("./fixtures/logs/seed.txt", import.meta.url));

Deno.test("the first README: tokens of one pass, and for ds-zero of eight ranks", () => {
  const blocks = parseStatsBlocks(SEED);
  assert.deepEqual(
    blocks.map(({ msPerToken, loadSeconds, passSeconds, wholeSeconds, batchSize, streams }) => [
      msPerToken,
      loadSeconds,
      passSeconds,
      wholeSeconds,
      batchSize,
      streams,
    ]),
    [
      [5.23, 683.397, 4.241, 687.638, 8, 1],
      [282.93, 501.871, 226.188, 728.06, 1, 8],
      [34.57, 482.132, 221.236, 703.368, 8, 8],
    ],
  );
  assert.ok(blocks.every(({ variant, countsPrompt }) => variant === "v2" && countsPrompt));
  assert.ok(blocks.every(({ passes }) => passes === 1));
});

Deno.test("after 19 July 2022 the tokens are those of five passes, the seconds those of one", () => {
  const [block] = parseStatsBlocks(
    "*** Starting to generate 100 tokens with bs=128\n" +
      "Generate args {'max_new_tokens': 100, 'do_sample': False}\n\n" +
      "*** Performance stats:\n" +
      "Latency (T):  104 msecs\n" +
      "Throughput per token including tokenize: 0.73 msecs\n" +
      "Start to ready to generate: 591.902 secs\n" +
      "Tokenize and generate 64000 (bs=128) tokens: 9.421 secs\n" +
      "Start to finish: 601.323 secs\n",
  );
  assert.equal(block?.passes, 5);
  assert.equal(block?.tokensPerPass, 12_800);
  assert.equal(block?.streams, 1);
  assert.equal(block?.countsPrompt, false);
});

Deno.test("the oldest log: seconds a token, no colon, a spelling of its own, and a cold pass", () => {
  const [block] = parseStatsBlocks(
    "\n*** Performance stats:\nStart to ready to generate 698.697 secs\nGenerate 100 tokens: 23.008 secs\n" +
      "Start to finish 721.705 secs\nThrougput per token: 0.0412 secs\n",
  );
  assert.equal(block?.variant, "v0");
  assert.equal(Math.round((block?.msPerToken ?? 0) * 10) / 10, 41.2);
  assert.deepEqual([block?.loadSeconds, block?.passSeconds, block?.passes], [
    698.697,
    23.008,
    null,
  ]);
});

Deno.test("the second log, the server's lines and the one that was never merged", () => {
  const [v1] = parseStatsBlocks(
    "*** Performance stats:\nThroughput per token: 40.73 msecs\nStart to ready to generate: 673.429 secs\n" +
      "Tokenize and generate 100 tokens: 4.089 secs\nStart to finish: 677.518 secs\n",
  );
  assert.deepEqual([v1?.variant, v1?.msPerToken, v1?.passes], ["v1", 40.73, 1]);
  const [v3] = parseStatsBlocks(
    "Throughput (including tokenization) = 175.44 tokens/sec\n" +
      "Throughput (including tokenization) = 5.70 msecs/token\nModel loading time = 121.00 secs\n" +
      "Total tokens generated = 4000 with batch size = 8\nLatency = 4.56 secs\n" +
      "Model loading time + generation time per batch = 125.56 secs\n",
  );
  assert.deepEqual(
    [v3?.variant, v3?.msPerToken, v3?.loadSeconds, v3?.batchSize, v3?.passes, v3?.wholeSeconds],
    ["v3", 5.7, 121, 8, 5, 125.56],
  );
  const [v4] = parseStatsBlocks(
    "*** Performance stats:\nLatency per token including tokenize: 44.02 msecs\n",
  );
  assert.deepEqual([v4?.variant, v4?.msPerToken, v4?.passSeconds], ["v4", 44.02, null]);
});

Deno.test("a log without a block has none, whatever else is in it", () => {
  for (
    const log of ["", "OOM\n", "*** Performance stats:\n", "\x00\xff Throughput per token: x msecs"]
  ) {
    assert.deepEqual(parseStatsBlocks(log), []);
  }
});

Deno.test("report reads such a log", async () => {
  const path = new URL("./fixtures/logs/seed.txt", import.meta.url).pathname;
  const { stdout, exitCode } = await say("report", path);
  assert.equal(exitCode, 0);
  assert.match(stdout, /^v2 +8 +5\.23 +683\.397 +4\.241 +800 +1 +counts the prompt$/m);
  assert.match(stdout, /^v2 +1 +283 +501\.871 +226\.188 +800 +8 +counts the prompt$/m);
});

Deno.test("a pass that took longer or shorter than the others does not change how many there were", () => {
  for (const [seconds, passes] of [[0.5, 3], [0.41, 3], [0.62, 3], [1.6, 1]] as const) {
    const [block] = parseStatsBlocks(`
*** Starting to generate 8 tokens with bs=64
*** Performance stats:
Throughput per token including tokenize: 1.0000 msecs
Start to ready to generate: 1.500 secs
Tokenize and generate 1536 (bs=64) tokens: ${seconds} secs
Start to finish: 3.000 secs
`);
    assert.equal(block?.passes, passes, `${seconds} s`);
  }
});
