/**
 * A control group for the processes of one session, with the budget of the host as its limit: the kernel itself ends what goes
 * beyond, however fast it grows and wherever its processes went. Where no group can be made, watching the process tree is what
 * is left. A group counts the page cache too, but gives it back before it kills.
 */
import { join } from "node:path";
import { reasonOf } from "../catalog/json_file.ts";
import { type GroupFiles, type GroupPlace, kernelFiles } from "./memory_group_place.ts";

/** One group. */
export interface MemoryGroup {
  readonly folder: string;
  /** Processes that the kernel killed in it for want of memory. */
  kills(): number;
  /** Most bytes that it held, page cache included; null where the kernel does not tell. */
  peakBytes(): number | null;
  /** Takes a process in; what it starts from now on is in the group as well. */
  add(pid: number): void;
  /** Removes the group, once it is empty. @returns Whether it is gone. */
  remove(): boolean;
}

/** Where the two versions keep things. */
const FILES = {
  1: {
    limit: "memory.limit_in_bytes",
    peak: "memory.max_usage_in_bytes",
    events: "memory.oom_control",
  },
  2: { limit: "memory.max", peak: "memory.peak", events: "memory.events" },
} as const;

const NAME_REGEXP = /^stowage-(\d+)-/;

/**
 * Makes a group, or says in words why it cannot.
 *
 * @param place As `findGroupPlace` has found it.
 * @param token Of the session; makes the name unique.
 */
export function makeMemoryGroup(
  place: GroupPlace,
  { token, capBytes, files = kernelFiles, pid = Deno.pid, isRunning = runs }: {
    readonly token: string;
    readonly capBytes: number;
    readonly files?: GroupFiles;
    /** Of this engine. */
    readonly pid?: number;
    readonly isRunning?: (pid: number) => boolean;
  },
): MemoryGroup | { readonly obstacle: string } {
  if ("obstacle" in place) return place;
  const { version, parent } = place;
  removeLeftovers(parent, files, isRunning);
  const names = FILES[version];
  const folder = join(parent, `stowage-${pid}-${token}`);
  const at = (name: string) => join(folder, name);
  try {
    files.makeFolder(folder);
  } catch (error) {
    return { obstacle: `no group could be made in ${parent}: ${reasonOf(error)}` };
  }
  try {
    files.write(at(names.limit), String(capBytes));
  } catch (error) {
    removeFolder(folder, files);
    return { obstacle: `${names.limit} could not be set in ${folder}: ${reasonOf(error)}` };
  }
  // The budget is of memory, not of memory and swap; and of a session no half may be left. Kernels may lack either.
  if (version === 1) {
    tryWrite(files, at("memory.memsw.limit_in_bytes"), String(capBytes));
  } else {
    tryWrite(files, at("memory.swap.max"), "0");
    tryWrite(files, at("memory.oom.group"), "1");
  }
  return {
    folder,
    kills: () => Number(/^oom_kill (\d+)/m.exec(tryRead(files, at(names.events)))?.[1] ?? 0),
    peakBytes() {
      const text = tryRead(files, at(names.peak)).trim();
      return /^\d+$/.test(text) ? Number(text) : null;
    },
    add: (member) => files.write(at("cgroup.procs"), String(member)),
    remove: () => removeFolder(folder, files),
  };
}

/** Groups of engines that were killed. One that still has processes stays: the kernel refuses to remove it. */
function removeLeftovers(
  parent: string,
  files: GroupFiles,
  isRunning: (pid: number) => boolean,
): void {
  try {
    for (const name of files.list(parent)) {
      const pid = Number(NAME_REGEXP.exec(name)?.[1] ?? 0);
      if (pid > 0 && !isRunning(pid)) removeFolder(join(parent, name), files);
    }
  } catch { /* not even listed: making one will fail as well, and say why */ }
}

function removeFolder(folder: string, files: GroupFiles): boolean {
  try {
    files.removeFolder(folder);
    return true;
  } catch {
    return false;
  }
}

function tryWrite(files: GroupFiles, path: string, text: string): void {
  try {
    files.write(path, text);
  } catch { /* the limit itself holds without it */ }
}

function tryRead(files: GroupFiles, path: string): string {
  try {
    return files.read(path);
  } catch {
    return "";
  }
}

function runs(pid: number): boolean {
  try {
    return Deno.statSync(`/proc/${pid}`).isDirectory;
  } catch {
    return false;
  }
}
