/** Lock files ("batons") that PyTorch's just-in-time compiler leaves behind when its process is killed. */
import { join } from "node:path";

/**
 * Removes the batons whose process is dead. PyTorch waits without end for such a file to go away
 * (torch/utils/file_baton.py). A living holder keeps its baton open, so it can be told from a dead one; where the
 * system does not tell who has a file open, nothing is removed.
 *
 * @param extensionsDirectory What TORCH_EXTENSIONS_DIR is: a folder with one folder for each operator.
 * @returns The files that were removed.
 */
export async function removeStaleBatons(extensionsDirectory: string): Promise<string[]> {
  const removed: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(extensionsDirectory)) {
    const baton = join(extensionsDirectory, name, "lock");
    try {
      if (!isDirectory || isOpenSomewhere(await Deno.realPath(baton))) continue;
      await Deno.remove(baton);
      removed.push(baton);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error; // none, or released just now; or there is no /proc
    }
  }
  return removed;
}

function isOpenSomewhere(path: string): boolean {
  for (const { name } of Deno.readDirSync("/proc")) {
    if (/^\d+$/.test(name) && hasOpen(`/proc/${name}/fd`, path)) return true;
  }
  return false;
}

function hasOpen(descriptors: string, path: string): boolean {
  let names: string[];
  try {
    names = Array.from(Deno.readDirSync(descriptors), ({ name }) => name);
  } catch {
    return false; // ended meanwhile, or another user's, who cannot be at work in this folder
  }
  return names.some((name) => {
    try {
      return Deno.readLinkSync(`${descriptors}/${name}`) === path;
    } catch {
      return false; // closed since the listing: the others still count
    }
  });
}
