/**
 * Work that asks for many replays, begun before it is done in earnest: what it asks for is replayed by this thread and by
 * others beside it, and noted, and the work begun anew until it misses none. What another thread does not bring, or
 * where none can be started, this one replays.
 */
import { CachingAllocator } from "./allocator/allocator.ts";
import type { AllocatorOptions } from "./allocator/rules.ts";
import { allPasses, type DeviceProgram } from "./device_program.ts";
import { type DeviceReplay, type ReplayJob, replaysMissingFor, type Reserved } from "./reserved.ts";

/** What another thread is told: jobs, of which each thread takes the next one that nobody has. */
export interface AheadRequest {
  /** Those that it was not told of before; jobs name a program by its place among all. */
  readonly programs: readonly DeviceProgram[];
  readonly jobs: readonly SentJob[];
  /** A 32-bit integer: index of the next job. */
  readonly next: SharedArrayBuffer;
}

/** A job with its program as an index. */
export interface SentJob {
  readonly program: number;
  readonly batch: number;
  readonly options: AllocatorOptions;
}

/** What another thread found, by the index of the job. */
export type AheadAnswer = readonly (readonly [index: number, reserved: Reserved])[];

/** Events that are worth a thread: it takes as long to start as these to replay. */
const EVENTS_OF_THREAD = 8e6;
/** Threads beside this one. */
const MAX_THREADS = 7;
/** Work that misses something still is left to be done without. */
const MAX_ROUNDS = 40;

/**
 * Makes the replays that tasks ask for, where threads make it faster than waiting until each is asked for.
 *
 * @param tasks May be begun often; what they do beside asking for replays is done at the end of each.
 * @param eventsOfThread How many make one more thread worth it.
 */
export async function replayAhead(
  tasks: readonly (() => void)[],
  eventsOfThread = EVENTS_OF_THREAD,
): Promise<void> {
  let left = tasks;
  let threads: ReplayThreads | undefined;
  try {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const missing = left.map((task) => ({ task, jobs: replaysMissingFor(task) }))
        .filter(({ jobs }) => jobs.length > 0);
      const jobs = distinct(missing.flatMap(({ jobs }) => jobs));
      if (jobs.length === 0) return;
      if (threads === undefined) {
        const count = threadsFor(jobs, eventsOfThread);
        if (count < 1) return;
        threads = new ReplayThreads(count);
      }
      await threads.replay(jobs);
      left = missing.map(({ task }) => task);
    }
  } finally {
    threads?.end();
  }
}

function threadsFor(jobs: readonly ReplayJob[], eventsOfThread: number): number {
  const events = jobs.reduce((sum, { replay }) => sum + eventsOf(replay.program), 0);
  return Math.min(
    MAX_THREADS,
    navigator.hardwareConcurrency - 1,
    Math.floor(events / eventsOfThread),
  );
}

/** This thread and others. */
class ReplayThreads {
  readonly #others: readonly OtherThread[];
  readonly #places = new Map<DeviceReplay, number>();

  constructor(others: number) {
    this.#others = Array.from({ length: others }, () => new OtherThread());
  }

  async replay(jobs: readonly ReplayJob[]): Promise<void> {
    const programs: DeviceProgram[] = [];
    for (const { replay } of jobs) {
      if (this.#places.has(replay)) continue;
      this.#places.set(replay, this.#places.size);
      programs.push(replay.program);
    }
    const next = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
    const sent = jobs.map(({ replay, batch, options }) => ({
      program: this.#places.get(replay) ?? NaN,
      batch,
      options,
    }));
    const answers = this.#others.map((other) => other.ask({ programs, jobs: sent, next }));
    for (const index of taken(next, jobs.length)) {
      const { replay, batch, options } = jobs[index] as ReplayJob;
      replay.within(batch, options);
    }
    for (const answer of await Promise.all(answers)) {
      for (const [index, reserved] of answer) {
        const { replay, batch, options } = jobs[index] as ReplayJob;
        replay.note(batch, options, reserved);
      }
    }
  }

  end(): void {
    for (const other of this.#others) other.end();
  }
}

/** A worker; one that cannot be started, or fails, answers nothing. */
class OtherThread {
  readonly #worker = new Worker(new URL("./ahead_worker.ts", import.meta.url), { type: "module" });
  #answered: (answer: AheadAnswer) => void = () => {};
  #hasFailed = false;

  constructor() {
    this.#worker.onmessage = ({ data }: MessageEvent<AheadAnswer>) => this.#answered(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#hasFailed = true;
      this.#answered([]);
    };
  }

  ask(request: AheadRequest): Promise<AheadAnswer> {
    if (this.#hasFailed) return Promise.resolve([]);
    const { promise, resolve } = Promise.withResolvers<AheadAnswer>();
    this.#answered = resolve;
    this.#worker.postMessage(request);
    return promise;
  }

  end(): void {
    this.#worker.terminate();
  }
}

/** Does a thread's part of a request. */
export function answer(
  { jobs, next }: Omit<AheadRequest, "programs">,
  replays: readonly DeviceReplay[],
): AheadAnswer {
  const found: [number, Reserved][] = [];
  for (const index of taken(next, jobs.length)) {
    const { program, batch, options } = jobs[index] as SentJob;
    const replay = replays[program] as DeviceReplay;
    found.push([index, replay.run(batch, new CachingAllocator(options))]);
  }
  return found;
}

/** Takes one job after the other, until none is left. */
function* taken(next: SharedArrayBuffer, count: number): Generator<number> {
  const counter = new Int32Array(next);
  for (let index = Atomics.add(counter, 0, 1); index < count; index = Atomics.add(counter, 0, 1)) {
    yield index;
  }
}

function distinct(asked: readonly ReplayJob[]): ReplayJob[] {
  const found = new Map<DeviceReplay, Map<string, ReplayJob>>();
  for (const job of asked) {
    const { replay, batch, options } = job;
    const its = found.get(replay) ?? new Map<string, ReplayJob>();
    found.set(replay, its.set(JSON.stringify([batch, options]), job));
  }
  return [...found.values()].flatMap((its) => [...its.values()]);
}

/** Events of a whole generation. */
function eventsOf(program: DeviceProgram): number {
  const { repeated, decodeSteps, firstRepeated } = program;
  const once = allPasses(program).reduce((sum, { events }) => sum + events.length, 0);
  return once + (repeated?.events.length ?? 0) * Math.max(0, decodeSteps - firstRepeated);
}
