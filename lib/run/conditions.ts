/** What else the host was doing just before a session was launched: work of others makes a measurement slower. */
import os from "node:os";

/** The state of the host. */
export interface Conditions {
  /** Part of all cores that was busy, 0 to 1; null where the system does not tell. */
  readonly busyCpuFraction: number | null;
  /** The GPUs that the session uses. */
  readonly gpus: readonly GpuCondition[];
}

/** The state of one GPU, as `nvidia-smi` tells. */
export interface GpuCondition {
  /** In the order of the bus. */
  readonly index: number;
  /** Part of the time in which a kernel ran. */
  readonly utilizationPercent: number;
  /** Held by processes that were there before. */
  readonly usedBytes: number;
  /** Clock of the multiprocessors. */
  readonly smClockMhz: number;
  /** The highest that it can have. */
  readonly maxSmClockMhz: number;
  /** Why the clock is below its maximum, as a bit mask of NVML; 0 and 1 (idle) are nothing. */
  readonly throttleReasons: number;
}

const WATCH_MS = 200;

/** Looks for a fifth of a second. */
export async function observe(gpuIndexes: readonly number[]): Promise<Conditions> {
  const before = cpuTimes();
  const gpus = gpuIndexes.length === 0 ? [] : await observeGpus(gpuIndexes);
  await new Promise((resolve) => setTimeout(resolve, WATCH_MS));
  const after = cpuTimes();
  const total = after.total - before.total;
  return {
    busyCpuFraction: total <= 0 ? null : Math.round(100 * (after.busy - before.busy) / total) / 100,
    gpus,
  };
}

function cpuTimes(): { busy: number; total: number } {
  let busy = 0;
  let total = 0;
  for (const { times } of os.cpus()) {
    const all = times.user + times.nice + times.sys + times.idle + times.irq;
    busy += all - times.idle;
    total += all;
  }
  return { busy, total };
}

const QUERY =
  "index,utilization.gpu,memory.used,clocks.sm,clocks.max.sm,clocks_throttle_reasons.active";

async function observeGpus(indexes: readonly number[]): Promise<GpuCondition[]> {
  try {
    const args = [`--query-gpu=${QUERY}`, "--format=csv,noheader,nounits"];
    const { success, stdout } = await new Deno.Command("nvidia-smi", { args, stderr: "null" })
      .output();
    const all = success ? parseGpuConditions(new TextDecoder().decode(stdout)) : [];
    return all.filter(({ index }) => indexes.includes(index));
  } catch {
    return []; // not installed
  }
}

/** Lines such as `0, 3, 512, 1980, 1980, 0x0000000000000001` (percent, MiB, MHz). */
export function parseGpuConditions(csv: string): GpuCondition[] {
  return csv.split("\n").filter((line) => line.trim() !== "").map((line) => {
    const [
      index = NaN,
      utilization = NaN,
      mebibytes = NaN,
      clock = NaN,
      most = NaN,
      reasons = NaN,
    ] = line.split(",").map((field) => Number(field.trim()));
    return {
      index,
      utilizationPercent: orZero(utilization),
      usedBytes: orZero(mebibytes) * 2 ** 20,
      smClockMhz: orZero(clock),
      maxSmClockMhz: orZero(most),
      throttleReasons: orZero(reasons),
    };
  });
}

/** `[N/A]` on devices that do not tell. */
function orZero(value: number): number {
  return Number.isNaN(value) ? 0 : value;
}
