/**
 * Watches the host memory while a session runs: what its processes hold together, against the budget, and what the host
 * has left. Where the session has a control group, the kernel holds it to the budget, and is asked whether it had to. An exit by SIGKILL that nobody here has sent is the kernel's out-of-memory killer where memory was short.
 */
import { formatBytes } from "../report/bytes.ts";
import { HostLedger } from "./host_ledger.ts";
import type { MemoryGroup } from "./memory_group.ts";
import { findMembers } from "./process_tree.ts";
import type { HostStop } from "./attempt.ts";

/** What was seen. */
export interface HostWatchReport {
  /** Most bytes that all processes of the session held: private and shared resident memory. Null when not watched. */
  readonly peakTreeBytes: number | null;
  /** Least bytes that the host had left; null where the system does not tell. */
  readonly leastAvailableBytes: number | null;
  /** Processes that the kernel killed in this control group for want of memory, while it was watched. */
  readonly kernelKills: number;
}

const LOOK_MS = 500;

/** What to watch. */
export interface HostWatchOptions {
  readonly leader: number;
  readonly token: string;
  /** Null for no cap. */
  readonly capBytes: number | null;
  /** What other sessions hold of the same cap. */
  readonly ledger?: HostLedger;
  /** The session's own control group. */
  readonly group?: MemoryGroup;
}

/** Looks twice a second at the processes, and at every call at what the kernel did. */
export class HostWatch {
  readonly #leader: number;
  readonly #token: string;
  readonly #capBytes: number | null;
  readonly #ledger: HostLedger;
  readonly #group: MemoryGroup | undefined;
  readonly #killsBefore = kernelKills();
  #lookedMs = -Infinity;
  #peakTreeBytes: number | null = null;
  #leastAvailableBytes: number | null = null;

  constructor({ leader, token, capBytes, ledger = new HostLedger(), group }: HostWatchOptions) {
    this.#ledger = ledger;
    this.#leader = leader;
    this.#token = token;
    this.#capBytes = capBytes;
    this.#group = group;
  }

  /** Looks, when it is time to. @returns Why the session must be ended; null to go on. */
  look(nowMs: number): HostStop | null {
    const killed = this.kernelStop();
    if (killed !== null) return killed;
    if (nowMs - this.#lookedMs < LOOK_MS) return null;
    this.#lookedMs = nowMs;
    const available = availableBytes();
    if (available !== null) {
      this.#leastAvailableBytes = Math.min(available, this.#leastAvailableBytes ?? Infinity);
    }
    if (this.#capBytes === null) return null; // walking all of /proc is not free
    const bytes = treeBytes(this.#leader, this.#token);
    this.#peakTreeBytes = Math.max(bytes, this.#peakTreeBytes ?? 0);
    const all = this.#ledger.note(this.#token, bytes);
    // Of several sessions the one that holds most is ended; the others go on.
    if (all.bytes <= this.#capBytes || !all.isLargest) return null;
    const others = all.bytes === bytes
      ? ""
      : ` (${formatBytes(all.bytes)} with the other sessions)`;
    const held = `${formatBytes(bytes)}${others}`;
    const message = `the processes of the session held ${held} of the host's ${
      formatBytes(this.#capBytes)
    }`;
    return { kind: "host", message };
  }

  /** That the kernel has ended a process of the session at its cap; null when it has not. */
  kernelStop(): HostStop | null {
    const cap = this.#capBytes;
    if (this.#group === undefined || cap === null || this.#group.kills() === 0) return null;
    // The page cache counts for a group too, but is given back first: what was killed for could not be.
    this.#peakTreeBytes = Math.max(this.#peakTreeBytes ?? 0, this.#group.peakBytes() ?? cap);
    const message = `the kernel ended a process of the session: together they held ${
      formatBytes(this.#peakTreeBytes)
    } of the host's ${formatBytes(cap)}, the limit of their control group`;
    return { kind: "host", message };
  }

  /** The session is over. */
  close(): void {
    this.#ledger.forget(this.#token);
  }

  report(): HostWatchReport {
    return {
      peakTreeBytes: this.#peakTreeBytes,
      leastAvailableBytes: this.#leastAvailableBytes,
      kernelKills: Math.max(0, kernelKills() - this.#killsBefore),
    };
  }
}

/** Private and shared resident memory of all processes of a session, as a measurement counts them. */
function treeBytes(leader: number | null, token: string): number {
  return findMembers(leader, token).reduce((sum, { pid }) => sum + residentBytes(pid), 0);
}

function residentBytes(pid: number): number {
  try {
    const status = Deno.readTextFileSync(`/proc/${pid}/status`);
    return field(status, "RssAnon") + field(status, "RssShmem");
  } catch {
    return 0; // gone
  }
}

function availableBytes(): number | null {
  try {
    return field(Deno.readTextFileSync("/proc/meminfo"), "MemAvailable");
  } catch {
    return null;
  }
}

function field(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1] ?? 0) * 1024;
}

/** Counted by the kernel for this control group (cgroup v2, then v1); zero where it does not tell. */
function kernelKills(): number {
  for (const path of groupFiles()) {
    try {
      const count = /^oom_kill (\d+)/m.exec(Deno.readTextFileSync(path))?.[1];
      if (count !== undefined) return Number(count);
    } catch { /* the other version, or hidden */ }
  }
  return 0;
}

function groupFiles(): string[] {
  let text: string;
  try {
    text = Deno.readTextFileSync("/proc/self/cgroup");
  } catch {
    return [];
  }
  const unified = /^0::(.*)$/m.exec(text)?.[1];
  const memory = /^\d+:memory:(.*)$/m.exec(text)?.[1];
  return [
    ...(unified === undefined ? [] : [`/sys/fs/cgroup${unified}/memory.events`]),
    ...(memory === undefined ? [] : [`/sys/fs/cgroup/memory${memory}/memory.oom_control`]),
  ];
}
