/** A lock on a run's folder, so that two engines never write one journal. */
import { join } from "node:path";

/** Name of the lock in a run's folder. */
const LOCK_FILE = "run.lock";

/** A lock that is held until it is released, or until this process is gone in whatever way. */
export interface RunLock {
  release(): void;
}

/** The lock of a run's folder, or the process that has it. Throws what the system throws. */
export function lockRun(folder: string): RunLock | { readonly heldBy: string } {
  const path = join(folder, LOCK_FILE);
  const file = Deno.openSync(path, { read: true, write: true, create: true });
  try {
    if (!file.tryLockSync(true)) {
      file.close();
      return { heldBy: Deno.readTextFileSync(path).trim() || "another process" };
    }
    file.truncateSync(0);
    file.writeSync(new TextEncoder().encode(`process ${Deno.pid}\n`));
  } catch (error) {
    file.close();
    throw error;
  }
  return { release: () => file.close() };
}

/** Whether an engine is at work in the folder. */
export function isLocked(folder: string): boolean {
  try {
    using file = Deno.openSync(join(folder, LOCK_FILE));
    const free = file.tryLockSync(true);
    return !free;
  } catch {
    return false; // no lock was ever made, or it cannot be asked
  }
}
