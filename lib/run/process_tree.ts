/**
 * The processes that one child brought into being, found in /proc. A process group alone is not enough: launchers
 * start their ranks in sessions of their own, and ranks outlive a launcher that dies. Every descendant inherits a
 * token in its environment, so it is found wherever it went. Without /proc (not Linux) nothing is found, and the
 * group is all that can be signalled.
 */

/** The variable that carries the token. */
export const TOKEN_VARIABLE = "STOWAGE_SESSION";

/** A running process. `startTicks` (since boot) tells it from a later one with the same number. */
export interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly startTicks: string;
}

/**
 * Every live process that carries the token, that is the leader or in its group, or that descends from one of these.
 * Zombies are not live: nothing is left of them but a number.
 *
 * @param leader The child itself while it has not been waited for; null afterwards, when its number may be reused.
 */
export function findMembers(leader: number | null, token: string): ProcessEntry[] {
  const processes = listProcesses().filter((entry) => entry.pid !== Deno.pid);
  const needle = new TextEncoder().encode(`${TOKEN_VARIABLE}=${token}`);
  const members = new Set(
    processes.filter((entry) =>
      (leader !== null && (entry.pid === leader || entry.group === leader)) ||
      environmentHas(entry.pid, needle)
    ),
  );
  const pids = new Set([...members].map((entry) => entry.pid));
  for (let size = -1; size !== members.size;) {
    size = members.size;
    for (const entry of processes) {
      if (!pids.has(entry.parent)) continue;
      members.add(entry);
      pids.add(entry.pid);
    }
  }
  return [...members];
}

/** Whether that very process, not one that got its number later, still runs. */
export function isAlive(entry: ProcessEntry): boolean {
  return readProcess(entry.pid)?.startTicks === entry.startTicks;
}

/** Sends a signal; a process (or, negative, a group) that is gone already is no error. */
export function sendSignal(pid: number, signal: Deno.Signal): void {
  try {
    Deno.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) {
      // Changed its user: nothing that this process may do about it.
      if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    }
  }
}

/** Every live process of the host that this user may see. */
export function listProcesses(): ProcessEntry[] {
  const entries: ProcessEntry[] = [];
  try {
    for (const { name } of Deno.readDirSync("/proc")) {
      const entry = /^\d+$/.test(name) ? readProcess(Number(name)) : undefined;
      if (entry !== undefined) entries.push(entry);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return entries;
}

/** A process by its number; undefined when it is gone or a zombie. proc_pid_stat(5): the name in parentheses may hold anything, so fields are counted after the last one. */
export function readProcess(pid: number): ProcessEntry | undefined {
  let text: string;
  try {
    text = Deno.readTextFileSync(`/proc/${pid}/stat`);
  } catch {
    return undefined; // ended between the listing and the reading, or hidden from this user
  }
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state, parent, group] = fields;
  const startTicks = fields[19];
  if (state === undefined || startTicks === undefined || "ZX".includes(state)) return undefined;
  return { pid, parent: Number(parent), group: Number(group), startTicks };
}

/** The value of a variable in the environment that a process was started with; undefined where it is not set or hidden. */
export function readEnvironment(pid: number, name: string): string | undefined {
  let bytes: Uint8Array;
  try {
    bytes = Deno.readFileSync(`/proc/${pid}/environ`);
  } catch {
    return undefined; // another user's
  }
  if (!includes(bytes, new TextEncoder().encode(`${name}=`))) return undefined;
  const entries = new TextDecoder().decode(bytes).split("\0");
  return entries.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1);
}

function environmentHas(pid: number, needle: Uint8Array): boolean {
  let bytes: Uint8Array;
  try {
    bytes = Deno.readFileSync(`/proc/${pid}/environ`);
  } catch {
    return false; // another user's
  }
  return includes(bytes, needle);
}

function includes(bytes: Uint8Array, needle: Uint8Array): boolean {
  const first = needle[0] ?? 0;
  for (let at = bytes.indexOf(first); at >= 0; at = bytes.indexOf(first, at + 1)) {
    if (needle.every((byte, index) => bytes[at + index] === byte)) return true;
  }
  return false;
}
