/** Worker processes of an engine that is gone. They hold memory, and nothing will ever read their results. */
import { ENGINE_VARIABLE, isGone } from "./engine_identity.ts";
import {
  isAlive,
  listProcesses,
  type ProcessEntry,
  readEnvironment,
  sendSignal,
} from "./process_tree.ts";

/** A process that was left behind. */
export interface Leftover {
  readonly entry: ProcessEntry;
  /** Its command line, shortened. */
  readonly command: string;
}

/** Finds them among all processes of this user, whatever run they belong to. */
export function findLeftovers(): Leftover[] {
  return listProcesses().flatMap((entry) => {
    if (entry.pid === Deno.pid) return [];
    const engine = readEnvironment(entry.pid, ENGINE_VARIABLE);
    return engine && isGone(engine) ? [{ entry, command: commandOf(entry.pid) }] : [];
  });
}

/** Workers see within a second that their engine is gone. */
const GRACE_SECONDS = 2;
const KILL_SECONDS = 10;

/**
 * Ends leftovers: a moment to end by themselves, then KILL, because a launcher would wait for ranks that nobody waits for.
 *
 * @returns Those that had to be killed.
 */
export async function endLeftovers(leftovers: readonly Leftover[]): Promise<readonly Leftover[]> {
  await waitForEnd(leftovers, GRACE_SECONDS);
  const stubborn = leftovers.filter(({ entry }) => isAlive(entry));
  for (const { entry } of stubborn) sendSignal(entry.pid, "SIGKILL");
  await waitForEnd(stubborn, KILL_SECONDS);
  return stubborn;
}

async function waitForEnd(leftovers: readonly Leftover[], seconds: number): Promise<void> {
  const limit = performance.now() + seconds * 1000;
  while (leftovers.some(({ entry }) => isAlive(entry)) && performance.now() < limit) {
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

function commandOf(pid: number): string {
  try {
    const words = Deno.readTextFileSync(`/proc/${pid}/cmdline`).split("\0").filter((word) =>
      word !== ""
    );
    return words.join(" ").slice(0, 120);
  } catch {
    return "";
  }
}
