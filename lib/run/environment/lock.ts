/** A lock between engines that want to make the same thing. */
import { reasonOf } from "../../catalog/json_file.ts";
import type { Outcome } from "../../diagnostics/diagnostic.ts";
import { environmentLock, preparationInterrupted } from "../../diagnostics/messages/environment.ts";

const POLL_MILLISECONDS = 200;

/**
 * Does work while no other engine holds the lock. The system releases it when its holder dies, so it cannot go stale;
 * the file itself stays.
 *
 * @param path File of the lock; its folder must exist.
 * @param say Told when another engine has the lock.
 * @param signal Ends the waiting; the work has to look at it by itself.
 */
export async function withLock<T>(
  path: string,
  say: (line: string) => void,
  work: () => Promise<Outcome<T>>,
  signal?: AbortSignal,
): Promise<Outcome<T>> {
  let file: Deno.FsFile | undefined;
  try {
    file = await Deno.open(path, { create: true, write: true });
    if (!await file.tryLock(true)) {
      say(`waiting for another run that holds ${path}`);
      if (!await waitForLock(file, signal)) {
        file.close();
        return { diagnostics: [preparationInterrupted({})] };
      }
    }
  } catch (error) {
    file?.close();
    return { diagnostics: [environmentLock({ path, reason: reasonOf(error) })] };
  }
  try {
    return await work();
  } finally {
    file.close(); // releases the lock
  }
}

/** Asks again and again: a blocking request could not be interrupted. False when it was. */
async function waitForLock(file: Deno.FsFile, signal: AbortSignal | undefined): Promise<boolean> {
  while (!signal?.aborted) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MILLISECONDS));
    if (await file.tryLock(true)) return true;
  }
  return false;
}
