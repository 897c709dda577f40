/**
 * One start of a session: launches it, talks with its ranks, ends it when it is over, hangs or is not wanted any more.
 * An exit code alone proves nothing (a launcher can end with 0 after it was killed): only what every rank has said does.
 */
import type { Conversation, Stop } from "./conversation.ts";
import { EventReader } from "./events.ts";
import { FolderWatch } from "./folder_watch.ts";
import type { HostLedger } from "./host_ledger.ts";
import { HostWatch, type HostWatchReport } from "./host_watch.ts";
import { makeMemoryGroup, type MemoryGroup } from "./memory_group.ts";
import type { GroupPlace } from "./memory_group_place.ts";
import { type ProcessEnd, startProcess } from "./process.ts";
import type { WorkerEvent } from "./protocol.ts";

/** What to start. */
export interface AttemptRequest {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The session's folder, where the request is. */
  readonly folder: string;
  readonly logPath: string;
  readonly worldSize: number;
  /** Marks the processes of the session. */
  readonly token: string;
  /** Most bytes that all processes may hold on the host; null for no cap. */
  readonly hostCapBytes: number | null;
  /** Where a control group may be made that holds them to it; absent where only watching does. */
  readonly groups?: GroupPlace;
  /** What other sessions hold of it. */
  readonly ledger?: HostLedger;
  readonly signal?: AbortSignal;
  readonly onEvent: (event: WorkerEvent) => void;
}

/** How an attempt ended. */
export interface AttemptEnd {
  readonly process: ProcessEnd;
  /** Why the engine ended it; null when it ended by itself. */
  readonly stopped: Stop | { readonly kind: "interrupted" } | HostStop | null;
  readonly host: HostWatchReport;
}

/** The processes held more than the budget of the host. */
export interface HostStop {
  readonly kind: "host";
  readonly message: string;
}

/** Events come with a notification; without one, they and the deadlines are looked at this often. */
const POLL_MS = 100;
/** A group can be removed as soon as the kernel has let go of the last process. */
const REMOVALS = 40;
const REMOVAL_MS = 25;

/** Runs a session to its end. Throws what `startProcess` throws, and what the counterpart of the conversation does. */
export async function runAttempt(
  request: AttemptRequest,
  conversation: Conversation,
): Promise<AttemptEnd> {
  const reader = new EventReader(request.folder, request.worldSize);
  const group = groupOf(request);
  const child = startProcess({
    argv: request.argv,
    env: { ...request.env, STOWAGE_WATCH_STDIN: "1" },
    cwd: request.folder,
    logPath: request.logPath,
    token: request.token,
    holdStdin: true,
  });
  const isGrouped = group !== undefined && takesIn(group, child.pid);
  const watch = new FolderWatch(reader.folder);
  const host = new HostWatch({
    leader: child.pid,
    token: request.token,
    capBytes: request.hostCapBytes,
    ...(request.ledger === undefined ? {} : { ledger: request.ledger }),
    ...(isGrouped ? { group } : {}),
  });
  let isOver = false;
  child.done.catch(() => {}).finally(() => {
    isOver = true;
    watch.wake();
  });

  function readEvents(): void {
    for (const event of reader.read()) {
      conversation.note(event, performance.now());
      request.onEvent(event);
    }
  }

  let stopped: AttemptEnd["stopped"] = null;
  try {
    while (!isOver) {
      readEvents();
      const before = conversation.cell;
      stopped = request.signal?.aborted
        ? { kind: "interrupted" }
        // First the host: when the kernel has killed one rank, what the others say of it is not the cause.
        : host.look(performance.now()) ?? conversation.step(performance.now());
      // What a cell that is over has printed must not explain the end of the next one.
      if (conversation.cell !== before) child.forgetOutput();
      if (stopped !== null) break;
      await watch.wait(POLL_MS);
    }
  } finally {
    watch.close();
    host.close();
    // Also when all is well: a rank in a session of its own may have outlived its launcher.
    await child.stop();
  }
  const process = await child.done;
  readEvents();
  stopped ??= host.kernelStop();
  if (group !== undefined) await removed(group);
  return { process, stopped, host: host.report() };
}

function groupOf({ token, hostCapBytes, groups }: AttemptRequest): MemoryGroup | undefined {
  if (hostCapBytes === null || groups === undefined) return undefined;
  const made = makeMemoryGroup(groups, { token, capBytes: hostCapBytes });
  return "obstacle" in made ? undefined : made; // doctor says why
}

/** Takes the launcher in before it has started anything. @returns Whether that was possible. */
function takesIn(group: MemoryGroup, pid: number): boolean {
  try {
    group.add(pid);
    return true;
  } catch {
    return false;
  }
}

async function removed(group: MemoryGroup): Promise<void> {
  for (let left = REMOVALS; left > 0 && !group.remove(); left -= 1) {
    await new Promise((resolve) => setTimeout(resolve, REMOVAL_MS));
  }
}
