/** The folder where Stowage keeps what is expensive to make: environments, random weights, compiled operators. */
import { statfs } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";

/**
 * STOWAGE_CACHE_DIR, or `stowage` in XDG_CACHE_HOME, or `.cache/stowage` in the home folder. An empty variable counts
 * as none, and so does a relative XDG_CACHE_HOME, as the XDG base directory specification demands.
 *
 * @param env Looks up a variable of the environment.
 * @returns An absolute path; the folder may not exist yet.
 */
export function cacheDirectory(env: (name: string) => string | undefined): string {
  const own = env("STOWAGE_CACHE_DIR");
  if (own) return resolve(own);
  const shared = env("XDG_CACHE_HOME");
  if (shared?.startsWith("/")) return join(shared, "stowage");
  return resolve(env("HOME") || "/", ".cache", "stowage");
}

/**
 * Bytes that an unprivileged user may still write on the disk of a path.
 *
 * @param path Need not exist: the nearest folder above it that does is asked.
 * @returns Null when the system does not tell.
 */
export async function freeDiskBytes(path: string): Promise<number | null> {
  for (let folder = resolve(path);; folder = dirname(folder)) {
    try {
      const { bavail, bsize } = await statfs(folder);
      return bavail * bsize;
    } catch (error) {
      const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
      if (!isMissing || folder === dirname(folder)) return null;
    }
  }
}
