/** Looks at the host and says what a run would find. Changes nothing. */
import { basename, join } from "node:path";
import { stackFacts } from "../catalog/stack.ts";
import { formatBytes, plural } from "../report/bytes.ts";
import { freeDiskBytes } from "./cache.ts";
import { compilerCommand, compilerObstacles } from "./environment/compiler.ts";
import { detectVersions, NEEDED_PACKAGES } from "./environment/detect.ts";
import { askInterpreter, findInterpreter, type Interpreter } from "./environment/interpreter.ts";
import { environmentsFolder } from "./environment/layout.ts";
import { readMarker } from "./environment/marker.ts";
import { examine, visibleGpus } from "./host.ts";
import { findGroupPlace, type GroupPlace } from "./memory_group_place.ts";

/** One thing that was looked at. */
export interface DoctorFinding {
  readonly name: string;
  /** `missing`: a run cannot start without it. `warning`: some runs cannot. */
  readonly status: "ok" | "warning" | "missing";
  readonly detail: string;
  /** What to do about it. */
  readonly next?: string;
}

/** Everything that a run needs, in the order in which it needs it. */
export async function examineHost(options: {
  readonly python?: string;
  readonly cacheDirectory: string;
  readonly workersDirectory: string;
}): Promise<DoctorFinding[]> {
  const { value: interpreter, diagnostics } = options.python === undefined
    ? await findInterpreter()
    : await askInterpreter(options.python);
  const python: DoctorFinding[] = interpreter === undefined
    ? diagnostics.map(({ message, help }) => ({
      name: "python",
      status: "missing" as const,
      detail: message,
      ...(help === undefined ? {} : { next: help }),
    }))
    : [{ name: "python", status: "ok", detail: `${interpreter.version}, ${interpreter.path}` }];
  return [
    ...python,
    ...(interpreter === undefined ? [] : [await examineCompiler(interpreter)]),
    ...await examineEnvironment(options),
    await examineDisk(options.cacheDirectory),
    ...await examineMachine(),
    describeGroups(findGroupPlace()),
    ...examineVariables(),
  ];
}

/** The compiler and the header files, which DeepSpeed wants on CPU. */
async function examineCompiler(interpreter: Interpreter): Promise<DoctorFinding> {
  const [obstacle] = await compilerObstacles(interpreter);
  if (obstacle === undefined) return { name: "compiler", status: "ok", detail: compilerCommand() };
  return {
    name: "compiler",
    status: "warning",
    detail: `${obstacle.message}: the DeepSpeed strategies cannot run on CPU`,
    ...(obstacle.help === undefined ? {} : { next: obstacle.help }),
  };
}

async function examineEnvironment(
  { python, cacheDirectory, workersDirectory }: Parameters<typeof examineHost>[0],
): Promise<DoctorFinding[]> {
  if (python !== undefined) {
    return [await examinePackages(python, workersDirectory)];
  }
  const runnable = stackFacts().filter((fact) => fact.runnable);
  return runnable.flatMap(({ name }) => examineStack(name, cacheDirectory));
}

async function examinePackages(python: string, workersDirectory: string): Promise<DoctorFinding> {
  const name = "packages";
  const { value, diagnostics } = await detectVersions(python, workersDirectory);
  if (value === undefined) {
    return { name, status: "missing", detail: diagnostics[0]?.message ?? "unknown" };
  }
  const detail = versionsText(value.versions);
  const absent = NEEDED_PACKAGES.filter((each) => value.versions[each] === undefined);
  if (absent.length === 0) return { name, status: "ok", detail };
  const next = `leave --python out, or install ${absent.join(", ")}`;
  return { name, status: "missing", detail, next };
}

/** Every environment of a stack in the cache: there is one for each version of Python and index of torch. */
function examineStack(stack: string, cacheDirectory: string): DoctorFinding[] {
  const name = `stack ${stack}`;
  const folders = listFolders(environmentsFolder(cacheDirectory))
    .filter((path) => basename(path).startsWith(`${stack}-`));
  if (folders.length === 0) {
    return [{ name, status: "ok", detail: "no environment yet: the first run makes it" }];
  }
  return folders.map((folder) => {
    const marker = readMarker(folder);
    if (marker === null) {
      return {
        name,
        status: "warning",
        detail: `half made in ${folder}: a run is making it, or was interrupted`,
        next: "the next run makes it again",
      };
    }
    const versions = versionsText(marker.versions);
    return { name, status: "ok", detail: `ready in ${folder}: ${versions}` };
  });
}

function listFolders(folder: string): string[] {
  try {
    const entries = [...Deno.readDirSync(folder)].filter(({ isDirectory }) => isDirectory);
    return entries.map(({ name }) => join(folder, name)).sort();
  } catch {
    return []; // nothing has been made yet
  }
}

function versionsText(versions: Readonly<Record<string, string>>): string {
  const parts = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return parts.length === 0 ? "none of the packages of a stack" : parts.join(", ");
}

/** An environment with the CPU build, its downloads, and a little for the runs. */
const LITTLE_DISK_BYTES = 3e9;

async function examineDisk(cacheDirectory: string): Promise<DoctorFinding> {
  const free = await freeDiskBytes(cacheDirectory);
  const name = "disk";
  if (free === null) return { name, status: "warning", detail: `${cacheDirectory}: unknown` };
  const detail = `${formatBytes(free)} free for the cache, ${cacheDirectory}`;
  if (free >= LITTLE_DISK_BYTES) return { name, status: "ok", detail };
  return { name, status: "warning", detail, next: "move the cache with STOWAGE_CACHE_DIR" };
}

async function examineMachine(): Promise<DoctorFinding[]> {
  const host = await examine();
  const gpus = visibleGpus(host.gpus, Deno.env.get("CUDA_VISIBLE_DEVICES"));
  const shm = await freeDiskBytes("/dev/shm");
  return [
    {
      name: "host",
      status: "ok",
      detail: `${plural(host.cores, "core")}, ${formatBytes(host.memoryBytes)} of memory, ${
        shm === null ? "no /dev/shm" : `${formatBytes(shm)} in /dev/shm`
      }, memlock ${memlockLimit()}`,
    },
    gpus.length === 0
      ? {
        name: "gpus",
        status: "warning",
        detail: "no NVIDIA GPU: pipelines with cpu devices run here, others can be planned",
      }
      : {
        name: "gpus",
        status: "ok",
        detail: gpus.map(({ index, name, memoryBytes }) =>
          `${index}: ${name}, ${formatBytes(memoryBytes)}`
        ).join("; "),
      },
  ];
}

/** Whether the kernel can hold sessions to `budget.host`. */
export function describeGroups(place: GroupPlace): DoctorFinding {
  const name = "host cap";
  if ("parent" in place) {
    const detail = `by control groups of version ${place.version}, made in ${place.parent}`;
    return { name, status: "ok", detail };
  }
  return {
    name,
    status: "ok",
    detail: `by watching processes twice a second; not by a control group: ${place.obstacle}`,
    next: "for a cap that the kernel keeps, start with: systemd-run --user --scope stowage ...",
  };
}

/** How much memory a process may pin. */
function memlockLimit(): string {
  try {
    const limits = Deno.readTextFileSync("/proc/self/limits");
    const soft = /^Max locked memory\s+(\S+)/m.exec(limits)?.[1] ?? "unknown";
    return /^\d+$/.test(soft) ? formatBytes(Number(soft)) : soft;
  } catch {
    return "unknown";
  }
}

/** Variables that change what a run does, where they are set. */
function examineVariables(): DoctorFinding[] {
  return ["CUDA_VISIBLE_DEVICES", "HF_HOME", "STOWAGE_CACHE_DIR", "PIP_INDEX_URL"].flatMap(
    (name) => {
      const value = Deno.env.get(name);
      // An index may carry a password.
      const shown = name === "PIP_INDEX_URL" ? value?.replace(/\/\/[^/@]*@/, "//***@") : value;
      return shown === undefined ? [] : [{ name, status: "ok" as const, detail: shown }];
    },
  );
}
