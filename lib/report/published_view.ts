/** What was published of the cells of a plan, beside the prediction and in the same unit. */
import { findPublished, findPublishedCell, findPublishedRow } from "../catalog/published_match.ts";
import { explainRule, type PublishedCell, type PublishedTable } from "../catalog/published.ts";
import type { Plan, PlanCell } from "../plan/plan.ts";
import { predictsOom } from "../plan/selection.ts";
import { formatNumber } from "./bytes.ts";
import type { Block, ListItem } from "./document.ts";
import { pivotCells, type PivotRow, pivotTable } from "./pivot.ts";

/** Tables of what was published of these cells; none where nothing was. */
export function publishedBlocks(plan: Plan): Block[] {
  const { model, hardware, stack, cells } = plan;
  const table = findPublished({
    model: model.name,
    stack: stack.name,
    nodes: hardware.nodes,
    deviceCount: hardware.devices.count,
    deviceKind: hardware.devices.kind,
  });
  if (table === undefined) return [];
  const known = cells.filter((cell) => publishedOf(table, cell) !== undefined);
  if (known.length === 0) return [];
  return [
    ...quantity(
      "ms per new token, published and predicted",
      known,
      table,
      (published) =>
        published.msPerNewToken === null
          ? "oom"
          : formatNumber(published.msPerNewToken) + (published.isOutlier ? " (!)" : ""),
      (cell) => predictsOom(cell) ? "oom" : number(cell.prediction.time?.msPerToken.mid),
    ),
    ...quantity(
      "Start to ready to generate in seconds, published and predicted",
      known,
      table,
      (published) => published.readySeconds === null ? "-" : formatNumber(published.readySeconds),
      (cell) => number(cell.prediction.time?.loadSeconds.mid),
    ),
    { kind: "list", items: notes(table, known) },
  ];
}

function publishedOf(table: PublishedTable, cell: PlanCell): PublishedCell | undefined {
  return findPublishedCell(findPublishedRow(table, cell.strategy), cell.batchSize);
}

function quantity(
  title: string,
  cells: readonly PlanCell[],
  table: PublishedTable,
  published: (cell: PublishedCell) => string,
  predicted: (cell: PlanCell) => string,
): Block[] {
  return pivotCells(cells).flatMap((pivot): Block[] => [
    { kind: "heading", text: pivot.workload === "" ? title : `${title} (${pivot.workload})` },
    {
      kind: "table",
      table: pivotTable(pivot, (row: PivotRow<PlanCell>) => [
        {
          label: row.label,
          text: (cell) => {
            const found = publishedOf(table, cell);
            return found === undefined ? "-" : published(found);
          },
        },
        { label: "  predicted", text: predicted },
      ]),
    },
  ]);
}

function number(value: number | undefined): string {
  return value === undefined ? "-" : formatNumber(value);
}

/** Where the figures come from, how they were converted, and what is known to be odd about them. */
function notes(table: PublishedTable, cells: readonly PlanCell[]): ListItem[] {
  const rows = table.rows.filter((row) =>
    cells.some(({ strategy }) => findPublishedRow(table, strategy) === row)
  );
  const isConverted = rows.some(({ rule }) => rule === "prompt-counted");
  return [
    { text: `${table.title}: ${table.source}` },
    ...(isConverted
      ? [{
        text: `Figures of ${
          rows.filter(({ rule }) => rule === "prompt-counted")
            .map(({ strategy, dtype }) => `${strategy} ${dtype}`).join(", ")
        } are converted from the rule of July 2022 to milliseconds per new token`,
        details: [explainRule("prompt-counted")],
      }]
      : []),
    ...rows.flatMap(({ strategy, dtype, notes }): ListItem[] =>
      notes === undefined ? [] : [{ text: `${strategy} ${dtype}: ${notes}` }]
    ),
  ];
}
