/** A kernel's control groups as far as the engine sees them: folders that come with their files, and rules about both. */
import { dirname } from "node:path";
import type { GroupFiles } from "../../lib/run/memory_group_place.ts";

/** What a group of version 2 has once memory is controlled in it, and what stands in it at first. */
const UNIFIED: Readonly<Record<string, string>> = {
  "memory.max": "max\n",
  "memory.swap.max": "max\n",
  "memory.oom.group": "0\n",
  "memory.peak": "0\n",
  "memory.events": "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\n",
};

const LEGACY: Readonly<Record<string, string>> = {
  "memory.limit_in_bytes": "9223372036854771712\n",
  "memory.max_usage_in_bytes": "0\n",
  "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n",
};

/** Paths to texts. A folder is there when a file is in it. */
export class FakeGroups implements GroupFiles {
  readonly files: Map<string, string>;
  /** Writable are these and all below them. */
  readonly #writable: readonly string[];

  constructor(files: Readonly<Record<string, string>>, writable: readonly string[]) {
    this.files = new Map(Object.entries(files));
    this.#writable = writable;
  }

  read(path: string): string {
    const text = this.files.get(path);
    if (text === undefined) throw new Deno.errors.NotFound(path);
    return text;
  }

  write(path: string, text: string): void {
    if (!this.files.has(path)) throw new Deno.errors.NotFound(path);
    if (!this.isWritable(path)) throw new Deno.errors.PermissionDenied(path);
    const isList = path.endsWith("/cgroup.procs");
    this.files.set(path, isList ? `${this.read(path)}${text}\n` : `${text}\n`);
  }

  makeFolder(path: string): void {
    const parent = dirname(path);
    if (!this.isWritable(parent)) throw new Deno.errors.PermissionDenied(path);
    const controls = this.files.get(`${parent}/cgroup.subtree_control`);
    const isLegacy = controls === undefined;
    const given = isLegacy ? LEGACY : controls.includes("memory") ? UNIFIED : {};
    for (const [name, text] of Object.entries({ "cgroup.procs": "", ...given })) {
      this.files.set(`${path}/${name}`, text);
    }
    if (!isLegacy) this.files.set(`${path}/cgroup.subtree_control`, "\n");
  }

  removeFolder(path: string): void {
    if (this.read(`${path}/cgroup.procs`).trim() !== "") throw new Error("Device or resource busy");
    for (const file of this.files.keys()) {
      if (file.startsWith(`${path}/`)) this.files.delete(file);
    }
  }

  list(path: string): string[] {
    const below = [...this.files.keys()].filter((file) => file.startsWith(`${path}/`));
    return [...new Set(below.map((file) => file.slice(path.length + 1).split("/")[0] ?? ""))];
  }

  isWritable(path: string): boolean {
    return this.#writable.some((each) => path === each || path.startsWith(`${each}/`));
  }
}

const MOUNTS = `23 1 254:0 / / rw,relatime - ext4 /dev/vda rw
31 23 0:28 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate
`;

/** A login of systemd, whose user manager may make groups; the process is in a scope of it. */
export function userScope(writable: readonly string[] = [MANAGER]): FakeGroups {
  return new FakeGroups({
    "/proc/self/cgroup": `0::${SCOPE.slice("/sys/fs/cgroup".length)}\n`,
    "/proc/self/mountinfo": MOUNTS,
    [`${SCOPE}/cgroup.controllers`]: "memory pids\n",
    [`${SCOPE}/cgroup.subtree_control`]: "\n",
    [`${SCOPE}/cgroup.procs`]: "100\n",
    [`${APP}/cgroup.controllers`]: "memory pids\n",
    [`${APP}/cgroup.subtree_control`]: "memory pids\n",
    [`${APP}/cgroup.procs`]: "",
  }, writable);
}

const MANAGER = "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service";
/** The group above the scope. */
export const APP = `${MANAGER}/app.slice`;
/** The group of the process. */
export const SCOPE = `${APP}/run-7.scope`;
