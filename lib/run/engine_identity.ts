/** Who this engine is, for its workers: a number alone may mean another process later, or elsewhere. */
import { readProcess } from "./process_tree.ts";

/** The variable that carries it. */
export const ENGINE_VARIABLE = "STOWAGE_ENGINE";

/** `boot/namespace/pid/start ticks` of this process; empty where the system does not tell. */
export function engineIdentity(): string {
  const host = hostIdentity();
  const self = readProcess(Deno.pid);
  return host === null || self === undefined ? "" : `${host}/${self.pid}/${self.startTicks}`;
}

/**
 * Whether the engine of an identity is known to be gone. Of an engine in another namespace, or on another host that
 * shares /proc, nothing is known.
 */
export function isGone(identity: string): boolean {
  const [boot, namespace, pid, ticks] = identity.split("/");
  const host = hostIdentity();
  if (host === null || `${boot}/${namespace}` !== host) return false;
  return readProcess(Number(pid))?.startTicks !== ticks;
}

function hostIdentity(): string | null {
  try {
    const boot = Deno.readTextFileSync("/proc/sys/kernel/random/boot_id").trim();
    const namespace = Deno.readLinkSync("/proc/self/ns/pid").replace(/^pid:\[|\]$/g, "");
    return `${boot}/${namespace}`;
  } catch {
    return null; // no /proc
  }
}
