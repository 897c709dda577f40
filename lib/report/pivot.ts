/** Lays cells out as the tables of 2022 did: a row per strategy, a column per batch size. */
import type { PlanCell } from "../plan/plan.ts";
import { columnsOf, type Table } from "./table.ts";

/** Axes that change what every strategy is asked to do; other axes are options of a strategy. */
const WORKLOAD_AXES = ["promptTokens", "newTokens"];

/** Cells of one table. */
export interface Pivot<C extends PlanCell> {
  /** `promptTokens=512, newTokens=100`; empty where the grid has no such axis. */
  readonly workload: string;
  readonly batchSizes: readonly number[];
  readonly rows: readonly PivotRow<C>[];
}

/** Cells of one row, by batch size. */
export interface PivotRow<C extends PlanCell> {
  /** Name of the strategy, and the values of its options that the grid varies. */
  readonly label: string;
  readonly cells: ReadonlyMap<number, C>;
}

/** Groups cells into tables and rows in the order in which they come; batch sizes grow. */
export function pivotCells<C extends PlanCell>(cells: readonly C[]): Pivot<C>[] {
  return [...groupBy(cells, workloadOf)].map(([workload, group]) => ({
    workload,
    batchSizes: [...new Set(group.map((cell) => cell.batchSize))].sort((a, b) => a - b),
    rows: [...groupBy(group, labelOf)].map(([label, row]) => ({
      label,
      cells: new Map(row.map((cell) => [cell.batchSize, cell])),
    })),
  }));
}

/**
 * A table of a pivot.
 *
 * @param lines What stands for a row: a label and the text of each cell, one for each line.
 */
export function pivotTable<C extends PlanCell>(
  pivot: Pivot<C>,
  lines: (row: PivotRow<C>) => readonly { label: string; text: (cell: C) => string }[],
): Table {
  const headers = ["project \\ bs", ...pivot.batchSizes.map(String)];
  const rows = pivot.rows.flatMap((row) =>
    lines(row).map(({ label, text }) => [
      label,
      ...pivot.batchSizes.map((batchSize) => {
        const cell = row.cells.get(batchSize);
        return cell === undefined ? "" : text(cell);
      }),
    ])
  );
  return { columns: columnsOf(headers), rows };
}

function workloadOf(cell: PlanCell): string {
  return axesText(cell, (axis) => WORKLOAD_AXES.includes(axis));
}

function labelOf(cell: PlanCell): string {
  const options = axesText(cell, (axis) => axis !== "batchSize" && !WORKLOAD_AXES.includes(axis));
  return options === "" ? cell.strategy.name : `${cell.strategy.name} ${options}`;
}

function axesText(cell: PlanCell, wanted: (axis: string) => boolean): string {
  return Object.entries(cell.axes).filter(([axis]) => wanted(axis))
    .map(([axis, value]) => `${axis}=${value}`).join(", ");
}

/** Values by key, in the order of their first appearance. */
export function groupBy<T>(values: readonly T[], keyOf: (value: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const value of values) {
    const key = keyOf(value);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [value]);
    else group.push(value);
  }
  return groups;
}
