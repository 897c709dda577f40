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

/** Events that are worth a thread: it takes about as long to start as these to replay. */
const EVENTS_OF_THREAD = 8e6;
/** What other threads run. A bundle has everything in one file, and no other threads. */
const WORKER = new URL("./ahead_worker.ts", import.meta.url);
const IS_BUNDLED = !import.meta.url.endsWith("/ahead.ts");
/** Threads beside this one. */
const MAX_THREADS = IS_BUNDLED ? 0 : Math.min(7, navigator.hardwareConcurrency - 1);
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
  const threads = new ReplayThreads(eventsOfThread);
  try {
    let left = tasks;
    for (let round = 0; round < MAX_ROUNDS && left.length > 0; round++) {
      left = left.filter((task) => {
        const jobs = replaysMissingFor(task);
        threads.add(jobs);
        return jobs.length > 0;
      });
      if (!await threads.finish()) return;
    }
  } finally {
    threads.end();
  }
}

/** Jobs that were handed out together. */
interface Batch {
  readonly jobs: readonly ReplayJob[];
  readonly next: SharedArrayBuffer;
  readonly answers: readonly Promise<AheadAnswer>[];
}

/** This thread and others, which begin while this one still finds out what there is to do. */
class ReplayThreads {
  readonly #eventsOfThread: number;
  readonly #others: OtherThread[] = [];
  readonly #batches: Batch[] = [];
  readonly #asked = new Map<DeviceReplay, Set<string>>();
  #waiting: ReplayJob[] = [];
  #events = 0;

  constructor(eventsOfThread: number) {
    this.#eventsOfThread = eventsOfThread;
  }

  /** Jobs that were added before are not added again. */
  add(jobs: readonly ReplayJob[]): void {
    for (const job of jobs) {
      const { replay, batch, options } = job;
      let asked = this.#asked.get(replay);
      if (asked === undefined) this.#asked.set(replay, asked = new Set());
      const key = JSON.stringify([batch, options]);
      if (asked.has(key)) continue;
      asked.add(key);
      this.#waiting.push(job);
      this.#events += eventsOf(replay.program);
    }
    if (this.#events < this.#eventsOfThread) return;
    if (this.#others.length < MAX_THREADS) this.#others.push(new OtherThread());
    this.#handOut();
  }

  /** Does what the others do not, and notes what they found. @returns false where it is not worth any. */
  async finish(): Promise<boolean> {
    if (this.#others.length === 0) return false;
    this.#handOut();
    const batches = this.#batches.splice(0);
    // The others begin with the first.
    for (const { jobs, next } of batches.toReversed()) {
      for (const index of taken(next, jobs.length)) {
        const { replay, batch, options } = jobs[index] as ReplayJob;
        replay.within(batch, options);
      }
    }
    for (const { jobs, answers } of batches) {
      for (const [index, reserved] of (await Promise.all(answers)).flat()) {
        const { replay, batch, options } = jobs[index] as ReplayJob;
        replay.note(batch, options, reserved);
      }
    }
    this.#asked.clear();
    return true;
  }

  end(): void {
    for (const other of this.#others) other.end();
  }

  #handOut(): void {
    const jobs = this.#waiting;
    const next = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
    this.#batches.push({ jobs, next, answers: this.#others.map((other) => other.ask(jobs, next)) });
    this.#waiting = [];
    this.#events = 0;
  }
}

/** A worker; one that cannot be started, or fails, answers nothing. */
class OtherThread {
  readonly #worker = new Worker(WORKER, { type: "module" });
  readonly #places = new Map<DeviceReplay, number>();
  readonly #asked: ((answer: AheadAnswer) => void)[] = [];
  #hasFailed = false;

  constructor() {
    this.#worker.onmessage = ({ data }: MessageEvent<AheadAnswer>) => this.#asked.shift()?.(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#hasFailed = true;
      for (const answered of this.#asked.splice(0)) answered([]);
    };
  }

  ask(jobs: readonly ReplayJob[], next: SharedArrayBuffer): Promise<AheadAnswer> {
    if (this.#hasFailed) return Promise.resolve([]);
    const programs: DeviceProgram[] = [];
    const sent = jobs.map(({ replay, batch, options }) => {
      let program = this.#places.get(replay);
      if (program === undefined) {
        this.#places.set(replay, program = this.#places.size);
        programs.push(replay.program);
      }
      return { program, batch, options };
    });
    const { promise, resolve } = Promise.withResolvers<AheadAnswer>();
    this.#asked.push(resolve);
    this.#worker.postMessage({ programs, jobs: sent, next } satisfies AheadRequest);
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

/** Events of a whole generation. */
function eventsOf(program: DeviceProgram): number {
  const { repeated, decodeSteps, firstRepeated } = program;
  const once = allPasses(program).reduce((sum, { events }) => sum + events.length, 0);
  return once + (repeated?.events.length ?? 0) * Math.max(0, decodeSteps - firstRepeated);
}
