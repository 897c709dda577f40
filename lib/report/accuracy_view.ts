/** How right the predictions are, for people: errors by quantity, and the confusion of verdicts. */
import type { Accuracy, QuantitySummary } from "../accuracy/summary.ts";
import type { ComparisonGroup } from "../accuracy/compare.ts";
import type { Quantity } from "../accuracy/measured.ts";
import { plural } from "./bytes.ts";
import type { Block } from "./document.ts";
import { columnsOf } from "./table.ts";

/** Where the measurements of a comparison come from. */
export interface AccuracySource {
  readonly source: string;
  /** Models, hardware and libraries, in words. */
  readonly subject: string;
  readonly cells: number;
  /** Whether the workers that measured it have changed since. */
  readonly isOlder: boolean;
  /** Constants that were fitted to it. */
  readonly fitted: readonly string[];
}

const NAMES: Readonly<Record<Quantity, string>> = {
  peakAllocatedBytes: "peak allocated, per device",
  peakReservedBytes: "peak reserved, per device",
  peakBytes: "peak of the device, context included",
  loadPeakAllocatedBytes: "peak allocated while loading",
  hostPeakBytes: "peak of the host",
  importSeconds: "imports",
  loadSeconds: "start to ready to generate",
  prefillMs: "prefill",
  msPerStep: "decode step",
  msPerToken: "ms per token",
};

const GROUPS: Readonly<Record<ComparisonGroup, string>> = {
  plain: "",
  "launch-bound": ", launch-bound",
  cpu: ", on CPUs",
  "older workers": ", by older workers",
};

/** The whole view. */
export function accuracyDocument(
  accuracy: Accuracy,
  sources: readonly AccuracySource[],
  problems: readonly string[],
): Block[] {
  return [
    { kind: "title", text: "Predicted against measured" },
    {
      kind: "table",
      table: {
        columns: columnsOf(["measured", "what", "cells"], 2),
        rows: sources.map(({ source, subject, cells }) => [source, subject, String(cells)]),
      },
    },
    { kind: "heading", text: "Error of each quantity, (predicted - measured) / measured" },
    {
      kind: "table",
      table: {
        columns: [
          ...columnsOf(["quantity", "values", "mean", "median", "worst"]),
          ...columnsOf(["worst cell"]),
          ...columnsOf(["in 90 % interval", "above it", "median width"], 0),
          ...columnsOf(["in that of the other runs", "its width"], 0),
        ],
        rows: accuracy.quantities.map(quantityRow),
      },
    },
    ...(accuracy.quantities.some(({ heldOut }) => heldOut !== undefined)
      ? [{ kind: "paragraph", text: HELD_OUT } as const]
      : []),
    ...confusionBlocks(accuracy),
    ...olderBlocks(sources),
    ...fittedBlocks(sources),
    ...(problems.length === 0 ? [] : [
      { kind: "heading", text: "Not compared" } as const,
      { kind: "list", items: problems.map((text) => ({ text })) } as const,
    ]),
  ];
}

/** What was measured otherwise than it would be now. */
function olderBlocks(sources: readonly AccuracySource[]): Block[] {
  const older = [...new Set(sources.filter(({ isOlder }) => isOlder).map(({ source }) => source))];
  if (older.length === 0) return [];
  return [
    { kind: "heading", text: "Measured by workers that have changed since" },
    {
      kind: "paragraph",
      text:
        "Predictions follow the workers of this version, so that what these runs held while they loaded, and " +
        "what of it lasted, may be told wrong.",
    },
    { kind: "list", items: older.map((text) => ({ text })) },
  ];
}

/** What proves less than it seems to. */
function fittedBlocks(sources: readonly AccuracySource[]): Block[] {
  const fitted = new Map(
    sources.flatMap(({ source, fitted }) => fitted.length === 0 ? [] : [[source, fitted]]),
  );
  if (fitted.size === 0) return [];
  return [
    { kind: "heading", text: "Constants that were fitted to what they are compared with" },
    {
      kind: "list",
      items: [...fitted].map(([source, names]) => ({ text: `${source}: ${names.join(", ")}` })),
    },
  ];
}

const HELD_OUT =
  "The last two columns hold each run against intervals whose width comes from the other runs alone: the factor by " +
  "which theirs had to be stretched, or could be narrowed, to hold nine in ten of their values.";

function quantityRow(summary: QuantitySummary): string[] {
  const { quantity, group, coverage, exceeded, medianWidth, heldOut } = summary;
  return [
    NAMES[quantity] + GROUPS[group],
    String(summary.count),
    percent(summary.meanAbsoluteError),
    percent(summary.medianAbsoluteError),
    signed(summary.worstError),
    summary.worstCell,
    coverage === undefined ? "-" : percent(coverage, 0),
    exceeded === undefined ? "-" : percent(exceeded, 0),
    medianWidth === undefined ? "-" : percent(medianWidth, 0),
    heldOut === undefined ? "-" : percent(heldOut.coverage, 0),
    heldOut === undefined ? "-" : percent(heldOut.medianWidth, 0),
  ];
}

function confusionBlocks({ confusion }: Accuracy): Block[] {
  const { truePositives, falsePositives, falseNegatives, trueNegatives, wrong } = confusion;
  const score = (value: number | null) => value === null ? "-" : value.toFixed(2);
  return [
    { kind: "heading", text: "Out of memory" },
    {
      kind: "table",
      table: {
        columns: columnsOf(["", "measured oom", "measured to fit"]),
        rows: [
          ["predicted oom", String(truePositives), String(falsePositives)],
          ["predicted to fit", String(falseNegatives), String(trueNegatives)],
        ],
      },
    },
    {
      kind: "list",
      items: [
        { text: `recall ${score(confusion.recall)}, precision ${score(confusion.precision)}` },
        {
          text: `${plural(wrong.length, "verdict")} wrong`,
          details: wrong.map(({ source, cellId, predictedOom, tight, remark }) =>
            `${cellId} of ${source}: predicted ${predictedOom ? "oom" : "to fit"}${
              tight ? " (tight)" : ""
            }, measured ${predictedOom ? "to fit" : "oom"}${
              remark === undefined ? "" : `. ${remark}`
            }`
          ),
        },
      ],
    },
  ];
}

function percent(fraction: number, digits = 2): string {
  return `${(100 * fraction).toFixed(digits)} %`;
}

function signed(fraction: number): string {
  return `${fraction < 0 ? "-" : "+"}${percent(Math.abs(fraction))}`;
}
