/**
 * Watches the host memory while a session runs: what its processes hold together, against the budget, and what the host
 * has left. An exit by SIGKILL that nobody here has sent is the kernel's out-of-memory killer where memory was short.
 */
import { HostLedger } from "./host_ledger.ts";
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

/** Looks twice a second. */
export class HostWatch {
  readonly #leader: number;
  readonly #token: string;
  readonly #capBytes: number | null;
  readonly #ledger: HostLedger;
  readonly #killsBefore = kernelKills();
  #lookedMs = -Infinity;
  #peakTreeBytes: number | null = null;
  #leastAvailableBytes: number | null = null;

  /** @param ledger What other sessions hold of the same cap. */
  constructor(
    leader: number,
    token: string,
    capBytes: number | null,
    ledger: HostLedger = new HostLedger(),
  ) {
    this.#ledger = ledger;
    this.#leader = leader;
    this.#token = token;
    this.#capBytes = capBytes;
  }

  /** Looks, when it is time to. @returns Why the session must be ended; null to go on. */
  look(nowMs: number): HostStop | null {
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
    const others = all.bytes === bytes ? "" : ` (${all.bytes} with the other sessions)`;
    const message =
      `the processes of the session held ${bytes} bytes${others} of the host's ${this.#capBytes}`;
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
export function treeBytes(leader: number | null, token: string): number {
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
