/** Whether measurements may be compared: how far the timed cycles spread, and what else the host was doing. */
import type { Conditions } from "../run/conditions.ts";
import { formatGib, plural } from "./bytes.ts";
import type { ListItem } from "./document.ts";
import type { ReportedCell } from "./results_shape.ts";

/** Cycles that differ by more than this part of their median are told. */
const SPREAD = 0.2;
/** Work of others that is less than this is not told. */
const BUSY_CPU = 0.25;
const BUSY_GPU_PERCENT = 5;
const USED_GPU_BYTES = 2 ** 30;
/** Bits of NVML: software and hardware slowdown, thermal, power brake. */
const SLOWED = 0x8 | 0x20 | 0x40 | 0x80;

/** Part of the median by which the timed cycles differ; null where there are not two. */
export function spreadOf({ measurement }: ReportedCell): number | null {
  const seconds = measurement?.time?.generateSeconds ?? [];
  if (seconds.length < 2) return null;
  const sorted = [...seconds].sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  return median === 0 ? null : ((sorted.at(-1) ?? 0) - (sorted[0] ?? 0)) / median;
}

/** One line for the spread, with the cells that spread most; nothing where no cell was timed twice. */
export function spreadItem(cells: readonly ReportedCell[]): ListItem | undefined {
  const spreads = cells.flatMap((cell) => {
    const spread = spreadOf(cell);
    return spread === null ? [] : [{ cell, spread }];
  });
  if (spreads.length === 0) return undefined;
  const wide = spreads.filter(({ spread }) => spread > SPREAD).sort((a, b) => b.spread - a.spread);
  if (wide.length === 0) {
    const most = Math.max(...spreads.map(({ spread }) => spread));
    return { text: `spread: timed cycles differ by at most ${percent(most)} of their median` };
  }
  return {
    text: `spread: timed cycles of ${plural(wide.length, "cell")} differ by more than ${
      percent(SPREAD)
    } of their median`,
    details: wide.slice(0, 5).map(({ cell, spread }) => `${cell.id}: ${percent(spread)}`),
  };
}

/** What else was at work when sessions were launched, session by session; empty when nothing that counts was. */
export function disturbances(
  sessions: readonly { readonly sessionId: string; readonly conditions: Conditions }[],
  isCpu: boolean,
): string[] {
  return sessions.flatMap(({ sessionId, conditions: { busyCpuFraction, gpus } }) => [
    ...(isCpu && busyCpuFraction !== null && busyCpuFraction > BUSY_CPU
      ? [`${sessionId}: ${percent(busyCpuFraction)} of the cores were busy before it started`]
      : []),
    ...gpus.flatMap((gpu) => [
      ...(gpu.utilizationPercent > BUSY_GPU_PERCENT
        ? [`${sessionId}: GPU ${gpu.index} was ${gpu.utilizationPercent}% busy before it started`]
        : []),
      ...(gpu.usedBytes > USED_GPU_BYTES
        ? [
          `${sessionId}: others held ${formatGib(gpu.usedBytes)} GiB of GPU ${gpu.index}`,
        ]
        : []),
      ...((gpu.throttleReasons & SLOWED) !== 0
        ? [
          `${sessionId}: GPU ${gpu.index} was slowed to ${gpu.smClockMhz} of ${gpu.maxSmClockMhz} MHz`,
        ]
        : []),
    ]),
  ]);
}

function percent(fraction: number): string {
  return `${Math.round(100 * fraction)}%`;
}
