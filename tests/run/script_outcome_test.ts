/** Logs of the scripts of 2022 as measurements: what their tokens count, and for how many ranks. */
import assert from "node:assert/strict";
import { scriptOutcome } from "../../lib/run/script_outcome.ts";

const MEMORY = {
  devices: [{
    device: 0,
    peakBytes: 1000,
    peakAllocatedBytes: null,
    peakReservedBytes: null,
  }],
  peakRssAnonBytes: 700,
  peakRssShmemBytes: 50,
};

function outcome(
  output: string,
  { batchSize = 8, promptTokens = 9, newTokens = 91, exitCode = 0, overCap = false } = {},
) {
  return scriptOutcome({
    event: "script_ended",
    rank: 0,
    time: 0,
    cellId: "a",
    exitCode,
    signal: null,
    overCap,
    seconds: 1,
    memory: MEMORY,
    leastAvailableBytes: null,
    kernelKills: 0,
    output,
  }, { batchSize, promptTokens, newTokens, devicesPerNode: 8, streams: 1, hostBytes: 2 ** 40 });
}

const OLD_RULE = "Generate args {'min_length': 100, 'max_length': 100, 'do_sample': False}\n";
const NEW_RULE = "Generate args {'max_new_tokens': 100, 'do_sample': False}\n";

function block(perToken: number, tokens: number, batch: number, pass: number): string {
  return `\n*** Performance stats:\nThroughput per token including tokenize: ${perToken} msecs\n` +
    `Start to ready to generate: 683.397 secs\n` +
    `Tokenize and generate ${tokens} (bs=${batch}) tokens: ${pass} secs\n` +
    `Start to finish: 700.000 secs\n`;
}

function near(found: number | undefined, expected: number): void {
  assert.ok(found !== undefined && Math.abs(found / expected - 1) < 1e-9, `${found}`);
}

Deno.test("where the length counts the prompt, fewer tokens were new: 5.23 becomes 5.75", () => {
  const { status, measurement } = outcome(OLD_RULE + block(5.23, 800, 8, 4.241));
  assert.equal(status, "ok");
  near(measurement?.time?.msPerToken, 5.23 * 100 / 91);
  assert.equal(measurement?.stated?.msPerToken, 5.23);
  assert.equal(measurement?.stated?.countsPrompt, true);
});

Deno.test("tokens of eight ranks are eight streams, and the milliseconds are divided already", () => {
  const { measurement } = outcome(OLD_RULE + block(34.57, 6400, 8, 221.236));
  assert.equal(measurement?.time?.streams, 8);
  near(measurement?.time?.msPerToken, 34.57 * 100 / 91);
  near(measurement?.time?.msPerTokenPerStream, 8 * 34.57 * 100 / 91);
});

Deno.test("tokens of five passes over the seconds of one are not divided", () => {
  const { measurement } = outcome(NEW_RULE + block(0.73, 64_000, 128, 9.421), {
    batchSize: 128,
    newTokens: 100,
  });
  near(measurement?.time?.msPerToken, 0.73);
  assert.equal(measurement?.stated?.passes, 5);
  assert.deepEqual(measurement?.time?.generateSeconds, [9.421]);
});

Deno.test("a log that does not show its arguments is taken as it is", () => {
  const { status, measurement } = outcome(block(5.23, 800, 8, 4.241));
  assert.equal(status, "ok");
  near(measurement?.time?.msPerToken, 5.23);
  assert.equal(measurement?.stated?.countsPrompt, null);
});

Deno.test("another batch or length than the cell's is no measurement of the cell", () => {
  assert.match(outcome(block(5.23, 800, 8, 4.2), { batchSize: 16 }).message ?? "", /batch of 8/);
  const longer = outcome(NEW_RULE + block(5.23, 800, 8, 4.2), { newTokens: 50 });
  assert.equal(longer.status, "crashed");
  assert.match(longer.message ?? "", /asked for 100 tokens, and the cell for 50/);
});

Deno.test("launchers and shells tell of a killed child by its number", () => {
  const killed = outcome("exits with return code = -9", { exitCode: 247 });
  assert.deepEqual([killed.status, killed.failure?.kind], ["crashed", "host-oom"]);
  assert.equal(outcome("", { exitCode: 135 }).failure?.kind, "shm-full");
  assert.match(outcome("", { exitCode: 137 }).message ?? "", /SIGKILL/);
});

Deno.test("a script that catches its out-of-memory and exits 0 ran out of memory", () => {
  const caught = outcome("CUDA out of memory. Tried to allocate 2.00 GiB\n");
  assert.deepEqual([caught.status, caught.failure?.kind], ["oom", "device-oom"]);
});

Deno.test("a GPU with more in use than the budget is out of memory", () => {
  const { status, measurement } = outcome("", { exitCode: 137, overCap: true });
  assert.equal(status, "oom");
  assert.deepEqual(measurement?.devices.map(({ peakBytes }) => peakBytes), [1000]);
  assert.deepEqual(measurement?.hosts, [{ node: 0, peakBytes: 750, pinnedBytes: 50 }]);
});
