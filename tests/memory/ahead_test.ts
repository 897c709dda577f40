import assert from "node:assert/strict";
import { answer, replayAhead } from "../../lib/memory/ahead.ts";
import { CachingAllocator } from "../../lib/memory/allocator/allocator.ts";
import { DeviceReplay, type ReplayJob, replaysMissingFor } from "../../lib/memory/reserved.ts";
import { placeStrategy } from "../../lib/strategy/registry.ts";
import { Program } from "../../lib/trace/program.ts";
import { bloomShape } from "../model/shapes.ts";
import { accelerateSpec, dsZeroSpec, strategyContext } from "../strategy/contexts.ts";

const MIB = 2 ** 20;

/** Jobs of a model with so many layers: devices with as many layers share what is known of them. */
function jobsOf(layers: number): ReplayJob[] {
  return [accelerateSpec(), dsZeroSpec()].flatMap((spec) => {
    const shape = bloomShape({ vocab_size: 900, hidden_size: 512, n_layer: layers, n_head: 4 });
    const context = strategyContext({ use: spec.use, shape, deviceCount: 2 });
    const { value: placement } = placeStrategy(spec, context);
    assert.ok(placement !== undefined);
    const program = Program.compile(placement, { promptTokens: 7, newTokens: 30 }, 2);
    assert.ok(program !== undefined);
    const replays = new Set(DeviceReplay.of(program).values());
    return [...replays].flatMap((replay) =>
      [2, 5, 60].flatMap((batch) =>
        [Infinity, 100 * MIB, 300 * MIB].flatMap((deviceBytes) =>
          [false, true].map((expandableSegments) => ({
            replay,
            batch,
            options: { deviceBytes, expandableSegments },
          }))
        )
      )
    );
  });
}

function expected({ replay, batch, options }: ReplayJob) {
  return replay.run(batch, new CachingAllocator(options));
}

/** Work that asks for a replay. */
function ask({ replay, batch, options }: ReplayJob) {
  return () => void replay.within(batch, options);
}

Deno.test("replays that are made ahead on two threads are those that would have been made", async () => {
  const jobs = jobsOf(12);
  assert.ok(jobs.every(({ replay, batch, options }) => !replay.known(batch, options)));
  await replayAhead(jobs.map(ask), 1);
  for (const job of jobs) {
    assert.deepEqual(job.replay.known(job.batch, job.options), expected(job));
  }
});

Deno.test("work is begun anew until nothing is missing, and what it does at its end is done", async () => {
  const jobs = jobsOf(20).slice(0, 10);
  let done = 0;
  const work = () => {
    // Each request depends on what the one before said.
    for (const job of jobs) if (!job.replay.within(job.batch, job.options).failure) continue;
    done++;
  };
  await replayAhead([work], 1);
  assert.equal(done, 1);
  for (const { replay, batch, options } of jobs) assert.ok(replay.known(batch, options));
});

Deno.test("what is not worth a thread is left until it is asked for", async () => {
  const [job] = jobsOf(40);
  assert.ok(job !== undefined);
  await replayAhead([ask(job)]);
  assert.equal(job.replay.known(job.batch, job.options), undefined);
  assert.deepEqual(job.replay.within(job.batch, job.options), expected(job));
});

Deno.test("mistakes of the work itself are not taken for missing replays", () => {
  assert.throws(() => replaysMissingFor(() => assert.fail("of the work")), /of the work/);
});

Deno.test("a thread takes one job after the other, of those that nobody has taken", () => {
  const jobs = jobsOf(50);
  const programs = [...new Set(jobs.map(({ replay }) => replay))];
  const next = new SharedArrayBuffer(4);
  const counter = new Int32Array(next);
  counter[0] = 2;
  const seen: number[] = [];
  const replays = programs.map(({ program }) => {
    const replay = new DeviceReplay(program);
    const run = replay.run.bind(replay);
    replay.run = (...parameters) => {
      seen.push(counter[0] as number);
      return run(...parameters);
    };
    return replay;
  });
  const sent = jobs.map(({ replay, ...job }) => ({ ...job, program: programs.indexOf(replay) }));
  const answers = answer({ jobs: sent, next }, replays);
  const places = jobs.map((_, index) => index).slice(2);
  assert.deepEqual(answers.map(([index]) => index), places);
  assert.deepEqual(seen, places.map((index) => index + 1));
  for (const [index, reserved] of answers) {
    assert.deepEqual(reserved, expected(jobs[index] as ReplayJob));
  }
});

Deno.test("memory that a replay did not use up is no reason for another", () => {
  const job = jobsOf(60).find(({ batch }) => batch === 5) as ReplayJob;
  const run = (deviceBytes: number) => job.replay.within(job.batch, { deviceBytes });
  const free = run(1e12);
  const most = Math.max(free.loadPeakReservedBytes, free.peakReservedBytes);
  assert.equal(run(most), free);
  assert.notEqual(run(most - 1), free);
});
