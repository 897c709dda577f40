/**
 * One start of a session: launches it, follows its events, ends it when it is over, hangs or is not wanted any more.
 * An exit code alone proves nothing (a launcher can end with 0 after it was killed): only a `finished` event of every
 * rank does.
 */
import { EventReader } from "./events.ts";
import { type ProcessEnd, startProcess } from "./process.ts";
import type { WorkerEvent } from "./protocol.ts";

/** What to start, and how long to wait. */
export interface AttemptRequest {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The session's folder, where the request is. */
  readonly folder: string;
  readonly logPath: string;
  readonly worldSize: number;
  readonly loadTimeoutSeconds: number;
  /** From one event to the next once the model is loaded: a cell. */
  readonly cellTimeoutSeconds: number;
  readonly signal?: AbortSignal;
  readonly onEvent: (event: WorkerEvent) => void;
}

/** How an attempt ended. */
export interface AttemptEnd {
  readonly events: readonly WorkerEvent[];
  readonly process: ProcessEnd;
  /** Why the engine ended it; null when it ended by itself. */
  readonly stopped: "timeout" | "interrupted" | "lingering" | null;
}

const POLL_MS = 100;
/** What a launcher may take to tidy up behind ranks that are done or dead. */
const LINGER_SECONDS = 15;

/** Runs a session to its end. Throws what `startProcess` throws. */
export async function runAttempt(request: AttemptRequest): Promise<AttemptEnd> {
  const reader = new EventReader(request.folder, request.worldSize);
  const events: WorkerEvent[] = [];
  const watch = new Watch(request, Date.now());
  const child = startProcess({
    argv: request.argv,
    env: { ...request.env, STOWAGE_WATCH_STDIN: "1" },
    cwd: request.folder,
    logPath: request.logPath,
    holdStdin: true,
  });

  function readEvents(): void {
    for (const event of reader.read()) {
      events.push(event);
      watch.note(event, Date.now());
      request.onEvent(event);
    }
  }

  let stopped: AttemptEnd["stopped"] = null;
  try {
    while (!await settles(child.done, POLL_MS)) {
      readEvents();
      stopped = request.signal?.aborted ? "interrupted" : watch.verdict(Date.now());
      if (stopped !== null) break;
    }
  } finally {
    // Also when all is well: a rank in a session of its own may have outlived its launcher.
    await child.stop();
  }
  const process = await child.done;
  readEvents();
  return { events, process, stopped };
}

/** Knows from the events until when the next must come. */
class Watch {
  readonly #request: AttemptRequest;
  readonly #loaded = new Set<number>();
  readonly #over = new Set<number>();
  #failed = false;
  #deadlineMs: number;

  constructor(request: AttemptRequest, nowMs: number) {
    this.#request = request;
    this.#deadlineMs = nowMs + request.loadTimeoutSeconds * 1000;
  }

  note(event: WorkerEvent, nowMs: number): void {
    if (event.event === "heartbeat") return; // says that the rank lives, not that it gets anywhere
    const { worldSize, cellTimeoutSeconds } = this.#request;
    if (event.event === "loaded") this.#loaded.add(event.rank);
    if (event.event === "finished") this.#over.add(event.rank);
    if (event.event === "failed" || (event.event === "cell_failed" && !event.recovered)) {
      this.#failed = true;
    }
    if (this.#failed || this.#over.size === worldSize) {
      this.#deadlineMs = Math.min(this.#deadlineMs, nowMs + LINGER_SECONDS * 1000);
    } else if (this.#loaded.size === worldSize) {
      this.#deadlineMs = nowMs + cellTimeoutSeconds * 1000;
    }
  }

  verdict(nowMs: number): "timeout" | "lingering" | null {
    if (nowMs < this.#deadlineMs) return null;
    return this.#failed || this.#over.size === this.#request.worldSize ? "lingering" : "timeout";
  }
}

/** Whether a promise settles within the time. */
async function settles(promise: Promise<unknown>, milliseconds: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), milliseconds);
  });
  try {
    return await Promise.race([promise.then(() => true, () => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
