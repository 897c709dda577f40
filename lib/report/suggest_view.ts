/** Suggestions for people: the largest batch of each strategy, what would make cells fit, the smallest hardware. */
import type { CellSpec } from "../language/pipeline.ts";
import type { PlanCell } from "../plan/plan.ts";
import type { Prediction } from "../plan/prediction.ts";
import type { HardwareSuggestion, Suggestion } from "../plan/suggest.ts";
import { formatGib, formatNumber } from "./bytes.ts";
import type { Block } from "./document.ts";
import { fullestDevice } from "./plan_view.ts";
import { columnsOf } from "./table.ts";

/** Everything that `suggest` says. */
export interface Suggestions {
  readonly name: string;
  readonly largest: readonly {
    readonly strategy: string;
    readonly workload: string;
    readonly largestBatch: number | null;
    /** What ends it: the limit of the cell that comes next. */
    readonly cause: string;
  }[];
  readonly changes: readonly {
    readonly cell: CellSpec;
    readonly prediction: Prediction;
    readonly suggestions: readonly Suggestion[];
  }[];
  readonly hardware: readonly {
    /** A strategy, or the whole pipeline. */
    readonly subject: string;
    readonly hardware: HardwareSuggestion | null;
  }[];
}

/** The whole view. */
export function suggestDocument({ name, largest, changes, hardware }: Suggestions): Block[] {
  return [
    { kind: "title", text: `Suggestions for ${name}` },
    { kind: "heading", text: "Largest batch of each strategy" },
    {
      kind: "table",
      table: {
        columns: [
          ...columnsOf(["strategy", "tokens", "largest batch"], 2),
          ...columnsOf(["what ends it"]),
        ],
        rows: largest.map(({ strategy, workload, largestBatch, cause }) => [
          strategy,
          workload,
          largestBatch === null ? "none" : String(largestBatch),
          cause,
        ]),
      },
    },
    ...changes.flatMap(changeBlocks),
    ...(hardware.length === 0 ? [] : [
      { kind: "heading", text: "Smallest hardware of the catalog that holds every cell" } as const,
      {
        kind: "table",
        table: {
          columns: columnsOf(
            ["of", "devices", "GPU memory GiB", "ms/token at the largest batch"],
            2,
          ),
          rows: hardware.map(({ subject, hardware }) =>
            hardware === null ? [subject, "none in one node", "-", "-"] : [
              subject,
              `${hardware.count}x ${hardware.kind}`,
              formatGib(hardware.memoryBytes),
              hardware.msPerToken === null ? "-" : formatNumber(hardware.msPerToken),
            ]
          ),
        },
      } as const,
    ]),
  ];
}

function changeBlocks(
  { cell, prediction, suggestions }: Suggestions["changes"][number],
): Block[] {
  const heading: Block = {
    kind: "heading",
    text: `${cell.id} needs ${peak(prediction)}; what would make it fit, one change at a time`,
  };
  if (suggestions.length === 0) {
    return [heading, { kind: "paragraph", text: "No single change that is known would." }];
  }
  return [heading, {
    kind: "table",
    table: {
      columns: columnsOf(["change", "verdict", "peak/cap GiB", "host GiB", "ms/token"], 2),
      rows: suggestions.map(({ change, prediction }) => [
        change,
        prediction.verdict,
        peak(prediction),
        formatGib(Math.max(0, ...prediction.hosts.map((host) => host.peakBytes.mid))),
        prediction.time === null ? "-" : formatNumber(prediction.time.msPerToken.mid),
      ]),
    },
  }];
}

function peak(prediction: Prediction): string {
  const device = fullestDevice(prediction);
  if (device === undefined) return "-";
  const { peakBytes, capacityBytes } = device;
  const need = prediction.limit?.resource.startsWith("device")
    ? prediction.limit.needBytes
    : peakBytes.mid;
  return capacityBytes === null
    ? formatGib(need)
    : `${formatGib(need)}/${formatGib(capacityBytes)}`;
}

/** The numbers of tokens of a cell. */
export function workloadText(
  { promptTokens, newTokens }: Pick<PlanCell, "promptTokens" | "newTokens">,
): string {
  return `${promptTokens} + ${newTokens}`;
}
