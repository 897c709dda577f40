/** The peak of a device as a waterfall: each group of tensors begins where the one before it ends. */
import type { PeakTensors } from "../plan/peak_tensors.ts";
import { listWords } from "../diagnostics/quote.ts";
import { formatBytes } from "./bytes.ts";
import type { Block } from "./document.ts";
import { columnsOf } from "./table.ts";

const BAR_WIDTH = 24;

/**
 * The waterfall of devices that are alike.
 *
 * @param capacityBytes Ends the scale of the bars where it is known.
 */
export function waterfallBlocks(peak: PeakTensors, capacityBytes: number | null): Block[] {
  const { indexes, phase, step, bytes, groups } = peak;
  const full = Math.max(capacityBytes ?? 0, bytes);
  const when = phase === "decode" ? `decode step ${step}` : phase;
  let below = 0;
  const rows = groups.map((group) => {
    const from = below;
    below += group.bytes;
    return [
      group.count === 1 ? group.name : `${group.name} (${group.count})`,
      formatBytes(group.bytes),
      formatBytes(below),
      bar(from, below, full),
      group.formula ?? "",
      group.behaviour ?? "",
    ];
  });
  const scale = capacityBytes === null ? "" : `of ${formatBytes(full)}`;
  return [
    { kind: "heading", text: `${ownerOf(indexes)} at the peak, in ${when}: ${formatBytes(bytes)}` },
    {
      kind: "table",
      table: {
        columns: [
          ...columnsOf(["tensors"]),
          ...columnsOf(["bytes", "sum"], 0),
          ...columnsOf([scale, "formula", "rule"], 3),
        ],
        rows,
      },
    },
  ];
}

function ownerOf(indexes: readonly number[]): string {
  if (indexes.length === 0) return "Host process of one rank";
  return indexes.length === 1 ? `Device ${indexes[0]}` : `Devices ${listWords(ranges(indexes))}`;
}

/** `0 to 3` for what follows on each other. */
export function ranges(indexes: readonly number[]): string[] {
  const found: [number, number][] = [];
  for (const index of indexes) {
    const last = found.at(-1);
    if (last !== undefined && last[1] === index - 1) last[1] = index;
    else found.push([index, index]);
  }
  return found.map(([first, last]) => first === last ? String(first) : `${first} to ${last}`);
}

function bar(from: number, to: number, full: number): string {
  const start = Math.min(BAR_WIDTH - 1, Math.round(from / full * BAR_WIDTH));
  const end = Math.max(start + 1, Math.round(to / full * BAR_WIDTH));
  return ".".repeat(start) + "#".repeat(end - start);
}
