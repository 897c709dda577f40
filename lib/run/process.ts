/** A child process that can always be ended as a whole: workers hold gigabytes, and none may be left behind. */
import { ENGINE_VARIABLE, engineIdentity } from "./engine_identity.ts";
import { LineSplitter, OutputLog, OutputTail } from "./process_output.ts";
import {
  findMembers,
  isAlive,
  type ProcessEntry,
  sendSignal,
  TOKEN_VARIABLE,
} from "./process_tree.ts";

/** What to start, and where its output goes. */
export interface ProcessRequest {
  /** Program and arguments. */
  readonly argv: readonly string[];
  /** Merged over this process's environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** File to which stdout and stderr are appended. */
  readonly logPath: string;
  /** Called with each line that is not empty, of both streams, at most 8 KiB long. */
  readonly onLine?: (line: string) => void;
  /** Marks the child and all that descend from it. @default a new one */
  readonly token?: string;
  /**
   * Gives the child a stdin that stays open as long as it lives, and closes when this process dies in whatever way:
   * a worker ends itself then.
   */
  readonly holdStdin?: boolean;
}

/** How a child ended. */
export interface ProcessEnd {
  /** 128 plus the number of the signal when there was one. */
  readonly code: number;
  readonly signal: string | null;
  /** The last 16 KiB of its output. */
  readonly tail: string;
  /** Why the log is not complete, if it is not. */
  readonly logError: string | null;
}

/** A child that has been started. */
export interface RunningProcess {
  readonly pid: number;
  /**
   * Resolves when the child itself has ended; descendants may still run until `stop`. Rejects only with what `onLine`
   * has thrown.
   */
  readonly done: Promise<ProcessEnd>;
  /** Starts the tail anew: what was printed so far explains nothing that comes. */
  forgetOutput(): void;
  /**
   * Ends the child, its group and all its descendants: TERM, the grace, then KILL. Resolves when all are gone and
   * `done` is settled. Calling it again, or after the end, is harmless; after the end it removes what was left behind.
   */
  stop(graceSeconds?: number): Promise<void>;
}

const POLL_MILLISECONDS = 25;
/** A process inside a hanging system call ignores KILL; waiting for it for ever would hang the engine as well. */
const KILL_WAIT_SECONDS = 30;
/** How long a descendant that keeps the pipe open may delay `done`. */
const DRAIN_MILLISECONDS = 500;

/** Kills, for each child that was not stopped yet. */
const running = new Set<() => void>();

/** Sends KILL to every process of every child that was not stopped: for an engine that must end at once. */
export function killAll(): void {
  for (const kill of running) kill();
}

/**
 * Starts a child as the leader of its own session and process group, so that a Ctrl-C at the terminal reaches this
 * process alone.
 *
 * @throws What Deno throws when the program cannot be started (`NotFound`, `PermissionDenied`).
 */
export function startProcess(request: ProcessRequest): RunningProcess {
  const [program, ...args] = request.argv;
  if (program === undefined) throw new TypeError("A process needs a program");
  const token = request.token ?? crypto.randomUUID();
  const child = new Deno.Command(program, {
    args,
    env: { ...request.env, [TOKEN_VARIABLE]: token, [ENGINE_VARIABLE]: engineIdentity() },
    ...(request.cwd === undefined ? {} : { cwd: request.cwd }),
    stdin: request.holdStdin === true ? "piped" : "null",
    stdout: "piped",
    stderr: "piped",
    detached: true,
  }).spawn();
  let ended = false;
  const leaderPid = () => ended ? null : child.pid;
  const kill = () => signalAll(leaderPid(), findMembers(leaderPid(), token), "SIGKILL");
  running.add(kill);
  const tail = new OutputTail();
  const done = watch(child, request, tail).finally(() => ended = true);
  done.catch(() => {}); // whoever awaits it sees the error; nobody has to
  let stopping: Promise<void> | undefined;

  async function end(graceSeconds: number): Promise<void> {
    await stopTree(leaderPid, token, graceSeconds);
    await done.catch(() => {});
    running.delete(kill);
  }
  return {
    pid: child.pid,
    done,
    forgetOutput: () => tail.clear(),
    stop(graceSeconds = 5) {
      stopping ??= end(graceSeconds).finally(() => stopping = undefined);
      return stopping;
    },
  };
}

async function watch(
  child: Deno.ChildProcess,
  request: ProcessRequest,
  tail: OutputTail,
): Promise<ProcessEnd> {
  const log = new OutputLog(request.logPath, tail);
  const failures: unknown[] = [];
  function listen(line: string): void {
    try {
      request.onLine?.(line);
    } catch (error) {
      failures.push(error); // the pipe must be drained all the same
    }
  }
  function keep(bytes: Uint8Array): void {
    log.write(bytes);
    tail.append(bytes);
  }
  const readers = [child.stdout.getReader(), child.stderr.getReader()];
  const pumps = Promise.all(readers.map((reader) => pump(reader, keep, listen)));

  const status = await child.status;
  const timer = setTimeout(
    () => readers.forEach((reader) => void reader.cancel().catch(() => {})),
    DRAIN_MILLISECONDS,
  );
  await pumps;
  clearTimeout(timer);
  if (request.holdStdin === true) await child.stdin.close().catch(() => {});
  log.close();
  if (failures.length > 0) throw failures[0];
  return { code: status.code, signal: status.signal, tail: tail.text, logError: log.error };
}

async function pump(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  keep: (bytes: Uint8Array) => void,
  listen: (line: string) => void,
): Promise<void> {
  const lines = new LineSplitter(listen);
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      keep(part.value);
      lines.push(part.value);
    }
  } catch {
    // A pipe that breaks is a pipe that has ended; the exit status tells what happened.
  }
  lines.finish();
}

async function stopTree(
  leader: () => number | null,
  token: string,
  graceSeconds: number,
): Promise<void> {
  const first = findMembers(leader(), token);
  signalAll(leader(), first, "SIGTERM");
  await waitUntil(() => leader() === null && !first.some(isAlive), graceSeconds);
  // Looking again finds what was started in the meantime.
  await waitUntil(() => {
    const members = findMembers(leader(), token);
    signalAll(leader(), members, "SIGKILL");
    return leader() === null && members.length === 0;
  }, KILL_WAIT_SECONDS);
}

function signalAll(
  leader: number | null,
  members: readonly ProcessEntry[],
  signal: Deno.Signal,
): void {
  if (leader !== null) sendSignal(-leader, signal);
  for (const member of members) {
    if (isAlive(member) && (leader === null || member.group !== leader)) {
      sendSignal(member.pid, signal);
    }
  }
}

async function waitUntil(condition: () => boolean, seconds: number): Promise<void> {
  const limit = performance.now() + seconds * 1000;
  while (!condition() && performance.now() < limit) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MILLISECONDS));
  }
}
