/**
 * Replays that are known to be asked for, made before they are: by this thread and, where there is much to do, by others
 * beside it. What is found is noted in the replays; what another thread does not bring, or where none can be started, is
 * replayed when it is asked for.
 */
import type { DeviceProgram } from "./device_program.ts";
import { allPasses } from "./device_program.ts";
import { CachingAllocator } from "./allocator/allocator.ts";
import type { AllocatorOptions } from "./allocator/rules.ts";
import type { DeviceReplay, Reserved } from "./reserved.ts";

/** A replay that will be asked for. */
export interface ReplayJob {
  readonly replay: DeviceReplay;
  readonly batch: number;
  readonly options: AllocatorOptions;
}

/** What another thread is told: the jobs, of which each thread takes the next one that nobody has. */
export interface AheadRequest {
  readonly programs: readonly DeviceProgram[];
  readonly jobs: readonly SentJob[];
  /** A 32-bit integer: index of the next job. */
  readonly next: SharedArrayBuffer;
}

/** A job with its program as an index. */
export interface SentJob extends Omit<ReplayJob, "replay"> {
  readonly program: number;
}

/** What another thread found, by the index of the job. */
export type AheadAnswer = readonly (readonly [index: number, reserved: Reserved])[];

/** Events that are worth a thread: it takes as long to start as these to replay. */
const EVENTS_OF_THREAD = 8e6;
/** Threads beside this one. */
const MAX_THREADS = 7;

/**
 * Makes the replays that are not known yet, where threads make it faster than waiting until each is asked for.
 *
 * @param eventsOfThread How many make one more thread worth it.
 */
export async function replayAhead(
  asked: readonly ReplayJob[],
  eventsOfThread = EVENTS_OF_THREAD,
): Promise<void> {
  const jobs = distinct(asked);
  const events = jobs.reduce((sum, { replay }) => sum + eventsOf(replay.program), 0);
  const threads = Math.min(
    MAX_THREADS,
    navigator.hardwareConcurrency - 1,
    Math.floor(events / eventsOfThread),
  );
  if (threads < 1) return;
  const replays = [...new Set(jobs.map(({ replay }) => replay))];
  const next = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  const request: AheadRequest = {
    programs: replays.map(({ program }) => program),
    jobs: jobs.map(({ replay, ...job }) => ({ ...job, program: replays.indexOf(replay) })),
    next,
  };
  const answers = Array.from({ length: threads }, () => askThread(request));
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

/** Does a thread's part of a request. */
export function answer({ programs, jobs, next }: AheadRequest, make: MakeReplay): AheadAnswer {
  const replays = programs.map(make);
  return [...taken(next, jobs.length)].map((index) => {
    const { program, batch, options } = jobs[index] as SentJob;
    const replay = replays[program] as DeviceReplay;
    return [index, replay.run(batch, new CachingAllocator(options))];
  });
}

type MakeReplay = (program: DeviceProgram) => DeviceReplay;

/** Takes one job after the other, until none is left. */
function* taken(next: SharedArrayBuffer, count: number): Generator<number> {
  const counter = new Int32Array(next);
  for (let index = Atomics.add(counter, 0, 1); index < count; index = Atomics.add(counter, 0, 1)) {
    yield index;
  }
}

/** Starts a thread; one that cannot be started answers nothing. */
function askThread(request: AheadRequest): Promise<AheadAnswer> {
  const { promise, resolve } = Promise.withResolvers<AheadAnswer>();
  const worker = new Worker(new URL("./ahead_worker.ts", import.meta.url), { type: "module" });
  worker.onmessage = ({ data }: MessageEvent<AheadAnswer>) => resolve(data);
  worker.onerror = (event) => {
    event.preventDefault();
    resolve([]);
  };
  worker.postMessage(request);
  return promise.finally(() => worker.terminate());
}

function distinct(asked: readonly ReplayJob[]): ReplayJob[] {
  const found = new Map<DeviceReplay, Map<string, ReplayJob>>();
  for (const job of asked) {
    const { replay, batch, options } = job;
    if (replay.known(batch, options) !== undefined) continue;
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
