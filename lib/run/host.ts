/** The host that is to run a plan: what it is, and whether it has what the plan asks for. */
import os from "node:os";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { hardwareMissing, severalHosts } from "../diagnostics/messages/run.ts";
import type { PlanHardware } from "../plan/plan.ts";

/** For the record beside every measurement. */
export interface HostFacts {
  /** Name, release and architecture. */
  readonly os: string;
  /** As the system calls it. */
  readonly cpuModel: string;
  /** Logical ones. */
  readonly cores: number;
  /** Physical memory. */
  readonly memoryBytes: number;
  /** All of them, whatever CUDA_VISIBLE_DEVICES says. */
  readonly gpus: readonly Gpu[];
}

/** One NVIDIA GPU, as `nvidia-smi` tells. */
export interface Gpu {
  /** In the order of the bus. */
  readonly index: number;
  /** `GPU-1a2b...` */
  readonly uuid: string;
  /** `NVIDIA H100 80GB HBM3` */
  readonly name: string;
  /** All of its memory, the driver's part included. */
  readonly memoryBytes: number;
}

/** Whether the plan's devices are worker processes of this host. */
export function isCpu(hardware: PlanHardware): boolean {
  return hardware.devices.kind === "cpu";
}

/** Looks at the host; no GPU where `nvidia-smi` cannot be started. */
export async function examine(): Promise<HostFacts> {
  return {
    os: `${os.type()} ${os.release()} ${os.arch()}`,
    cpuModel: os.cpus()[0]?.model.trim() ?? "unknown",
    cores: navigator.hardwareConcurrency,
    memoryBytes: os.totalmem(),
    gpus: await listGpus(),
  };
}

async function listGpus(): Promise<Gpu[]> {
  const query = ["--query-gpu=index,uuid,name,memory.total", "--format=csv,noheader,nounits"];
  try {
    const { success, stdout } = await new Deno.Command("nvidia-smi", { args: query }).output();
    return success ? parseGpus(new TextDecoder().decode(stdout)) : [];
  } catch {
    return []; // not installed
  }
}

/** Lines such as `0, GPU-1a2b, NVIDIA H100 80GB HBM3, 81559` (MiB). */
export function parseGpus(csv: string): Gpu[] {
  return csv.split("\n").filter((line) => line.trim() !== "").map((line) => {
    const [index = "", uuid = "", name = "", mebibytes = ""] = line.split(",").map((field) =>
      field.trim()
    );
    return { index: Number(index), uuid, name, memoryBytes: Number(mebibytes) * 2 ** 20 };
  });
}

/**
 * The GPUs that a run may use: all, or those of `CUDA_VISIBLE_DEVICES` in its order. As CUDA does, an entry that
 * names no GPU hides itself and all that follow.
 */
export function visibleGpus(gpus: readonly Gpu[], visibleDevices: string | undefined): Gpu[] {
  if (visibleDevices === undefined) return [...gpus];
  const visible: Gpu[] = [];
  for (const entry of visibleDevices.split(",").map((word) => word.trim())) {
    const gpu = gpus.find(({ index, uuid }) =>
      entry !== "" && (entry === String(index) || uuid.startsWith(entry))
    );
    if (gpu === undefined) break;
    visible.push(gpu);
  }
  return visible;
}

/** What the plan asks for and the host lacks. */
export function missingHardware(hardware: PlanHardware, gpus: readonly Gpu[]): Diagnostic[] {
  if (hardware.nodes > 1) return [severalHosts({ nodes: hardware.nodes })];
  if (isCpu(hardware)) return [];
  const { count, kind } = hardware.devices;
  const fitting = gpus.filter((gpu) => isKind(gpu, kind));
  if (fitting.length >= count) return [];
  const found = gpus.length === 0 ? "no NVIDIA GPU" : describe(gpus);
  return [hardwareMissing({ wanted: `${count}x ${kind}`, found })];
}

/** Indices of the GPUs that sessions of a plan may have; none on a cpu host. */
export function usableGpus(hardware: PlanHardware, gpus: readonly Gpu[]): number[] {
  if (isCpu(hardware)) return [];
  return gpus.filter((gpu) => isKind(gpu, hardware.devices.kind)).map(({ index }) => index);
}

/**
 * Whether a GPU is of a catalog kind such as `A100-SXM4-80GB` or `H100-SXM5-80GB`. Drivers spell names in their own
 * ways ("NVIDIA H100 80GB HBM3"), so the model word must occur in the name and the size must be near.
 */
export function isKind({ name, memoryBytes }: Gpu, kind: string): boolean {
  const [model = "", ...rest] = kind.split("-");
  const words = name.toUpperCase().split(/[\s-]+/);
  const size = /(\d+)GB$/.exec(rest.at(-1) ?? "")?.[1];
  const modelFits = words.includes(model.toUpperCase()) ||
    words.join("").includes(model.toUpperCase());
  if (!modelFits) return false;
  return size === undefined || Math.abs(memoryBytes / (Number(size) * 1e9) - 1) < 0.12;
}

function describe(gpus: readonly Gpu[]): string {
  const counts = Map.groupBy(gpus, ({ name }) => name);
  return [...counts].map(([name, alike]) => `${alike.length}x ${name}`).join(", ");
}
