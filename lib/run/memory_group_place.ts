/**
 * Where this process may make a control group for memory: below its own group, or beside it where somebody has delegated the
 * group above. Control groups of version 2 are looked at first, then those of version 1. Nothing is changed by looking.
 *
 * @see https://docs.kernel.org/admin-guide/cgroup-v2.html (delegation, no internal processes)
 * @see https://docs.kernel.org/admin-guide/cgroup-v1/memory.html
 */
import { accessSync, constants } from "node:fs";
import { dirname, join } from "node:path";

/** The few things that are done with the files of control groups, so that tests can answer as a kernel would. */
export interface GroupFiles {
  /** Throws what the system throws. */
  read(path: string): string;
  /** Into a file that is there. Throws what the system throws. */
  write(path: string, text: string): void;
  makeFolder(path: string): void;
  removeFolder(path: string): void;
  /** Names in a folder. */
  list(path: string): string[];
  /** Whether this process may write into a file or a folder. */
  isWritable(path: string): boolean;
}

/** The kernel's own. */
export const kernelFiles: GroupFiles = {
  read: (path) => Deno.readTextFileSync(path),
  write: (path, text) => Deno.writeTextFileSync(path, text, { create: false }),
  makeFolder: (path) => Deno.mkdirSync(path),
  removeFolder: (path) => Deno.removeSync(path),
  list: (path) => Array.from(Deno.readDirSync(path), ({ name }) => name),
  isWritable(path) {
    try {
      accessSync(path, constants.W_OK);
      return true;
    } catch {
      return false;
    }
  },
};

/** A folder in which groups can be made, or in words why there is none. */
export type GroupPlace =
  | { readonly version: 1 | 2; readonly parent: string }
  | { readonly obstacle: string };

/** Looks for it. */
export function findGroupPlace(files: GroupFiles = kernelFiles): GroupPlace {
  let groups: string;
  let mounts: string;
  try {
    groups = files.read("/proc/self/cgroup");
    mounts = files.read("/proc/self/mountinfo");
  } catch {
    return { obstacle: "the system has no control groups" };
  }
  const unified = findUnified(groups, mounts, files);
  if ("parent" in unified) return unified;
  const legacy = findLegacy(groups, mounts, files);
  return "parent" in legacy || legacy.isThere ? legacy : unified;
}

function findUnified(groups: string, mounts: string, files: GroupFiles): GroupPlace {
  const path = /^0::(.*)$/m.exec(groups)?.[1];
  const mount = mountsOf(mounts).find(({ type }) => type === "cgroup2");
  if (path === undefined || mount === undefined) {
    return { obstacle: "no control groups are mounted" };
  }
  const own = folderOf(path, mount);
  if (own === undefined) return { obstacle: `its group ${path} is outside of what is mounted` };
  if (!listed(files, join(own, "cgroup.controllers"))) {
    return { obstacle: `memory is not among the controllers of ${own}` };
  }
  // A group with processes of its own cannot control the memory of groups below it, unless it is the root of all.
  const above = own === mount.point ? [] : [dirname(own)];
  const controlling = [own, ...above].filter((folder) =>
    listed(files, join(folder, "cgroup.subtree_control"))
  );
  const parent = controlling.find((folder) =>
    files.isWritable(folder) && files.isWritable(join(folder, "cgroup.procs"))
  );
  if (parent !== undefined) return { version: 2, parent };
  const [nearest] = controlling;
  return {
    obstacle: nearest === undefined
      ? `neither ${own} nor the group above it controls memory for groups below`
      : `no right to make groups in ${nearest}`,
  };
}

function findLegacy(
  groups: string,
  mounts: string,
  files: GroupFiles,
): GroupPlace & { readonly isThere?: boolean } {
  const path = /^\d+:(?:[\w=,-]+,)?memory(?:,[\w=,-]+)?:(.*)$/m.exec(groups)?.[1];
  const mount = mountsOf(mounts).find(({ type, options }) =>
    type === "cgroup" && options.split(",").includes("memory")
  );
  const own = path === undefined || mount === undefined ? undefined : folderOf(path, mount);
  if (own === undefined) return { obstacle: "no control groups for memory are mounted" };
  return files.isWritable(own)
    ? { version: 1, parent: own }
    : { obstacle: `no right to make groups in ${own}`, isThere: true };
}

interface Mount {
  readonly point: string;
  /** The group that is seen at the mount point. */
  readonly root: string;
  readonly type: string;
  readonly options: string;
}

/** proc_pid_mountinfo(5): ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [TAGS...] - TYPE SOURCE SUPER-OPTIONS. */
function mountsOf(text: string): Mount[] {
  return text.split("\n").flatMap((line) => {
    const [before = "", after = ""] = line.split(" - ");
    const [, , , root, point] = before.split(" ");
    const [type, , options = ""] = after.split(" ");
    if (root === undefined || point === undefined || type === undefined) return [];
    return [{ root: unescaped(root), point: unescaped(point), type, options }];
  });
}

/** Blanks and backslashes stand in mountinfo as three octal digits. */
function unescaped(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, digits) => String.fromCharCode(parseInt(digits, 8)));
}

/** In a container the mount may begin below the root that paths are counted from. */
function folderOf(path: string, { root, point }: Mount): string | undefined {
  const below = root === "/"
    ? path
    : path === root
    ? "/"
    : path.startsWith(`${root}/`)
    ? path.slice(root.length)
    : undefined;
  if (below === undefined || below.split("/").includes("..")) return undefined;
  return below === "/" ? point : join(point, below);
}

function listed(files: GroupFiles, path: string): boolean {
  try {
    return files.read(path).trim().split(/\s+/).includes("memory");
  } catch {
    return false;
  }
}
