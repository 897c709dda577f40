/** Worker processes of an engine that is gone. They hold memory, and nothing will ever read their results. */
import { ENGINE_VARIABLE, isGone } from "./engine_identity.ts";
import { isAlive, listProcesses, type ProcessEntry, readEnvironment, sendSignal } from "./process_tree.ts";

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

/** Ends them: TERM would only be waited for by a launcher that nobody waits for. Resolves when they are gone. */
export async function endLeftovers(leftovers: readonly Leftover[], seconds = 10): Promise<void> {
  const limit = performance.now() + seconds * 1000;
  for (const { entry } of leftovers) if (isAlive(entry)) sendSignal(entry.pid, "SIGKILL");
  while (leftovers.some(({ entry }) => isAlive(entry)) && performance.now() < limit) {
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

function commandOf(pid: number): string {
  try {
    const words = Deno.readTextFileSync(`/proc/${pid}/cmdline`).split("\0").filter((word) => word !== "");
    return words.join(" ").slice(0, 120);
  } catch {
    return "";
  }
}
