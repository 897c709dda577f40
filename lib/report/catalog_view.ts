/** What `ls` prints. */
import type { HardwareRow, ModelRow, StackRow } from "../catalog/list.ts";
import { formatBytes, formatCount, formatRate } from "./bytes.ts";
import { renderCsv } from "./csv.ts";
import { renderMarkdown, renderText } from "./document.ts";
import { type OutputFormat, renderJson, renderJsonLines } from "./render.ts";
import { type Column, columnsOf } from "./table.ts";

/** The models of the catalog. */
export function renderModels(models: readonly ModelRow[], format: OutputFormat): string {
  const columns: Column[] = [
    ...columnsOf(["model", "family", "parameters"], 2),
    ...columnsOf(["dtype", "also called"], 2),
  ];
  return renderRows(models, format, columns, (row) => [
    row.name,
    row.family,
    formatCount(row.parameters),
    row.dtype,
    row.aliases.filter((alias) => !alias.includes("/")).join(", "),
  ]);
}

/** The nodes and devices of the catalog. */
export function renderHardware(hardware: readonly HardwareRow[], format: OutputFormat): string {
  const columns: Column[] = [
    ...columnsOf(["name", "devices", "device memory", "bandwidth", "host memory", "disk"], 2),
    ...columnsOf(["also called"]),
  ];
  return renderRows(hardware, format, columns, (row) => [
    row.name,
    row.devices,
    row.deviceMemoryBytes === null ? "budget" : formatBytes(row.deviceMemoryBytes),
    formatRate(row.deviceBandwidthBytesPerSecond),
    row.hostMemoryBytes === null ? "" : formatBytes(row.hostMemoryBytes),
    row.diskBytesPerSecond === null ? "" : formatRate(row.diskBytesPerSecond),
    row.aliases.join(", "),
  ]);
}

/** The stacks of the catalog. */
export function renderStacks(stacks: readonly StackRow[], format: OutputFormat): string {
  const columns: Column[] = [
    ...columnsOf(["stack", "can"], 2),
    ...columnsOf(["installed"], 0),
    ...columnsOf(["versions"]),
  ];
  return renderRows(stacks, format, columns, (row) => [
    row.name,
    row.runnable ? "predict and run" : "predict",
    row.installedBytes === null ? "" : formatBytes(row.installedBytes),
    Object.entries(row.versions).map(([name, version]) => `${name} ${version}`).join(", "),
  ]);
}

/** Rows in any format: objects as JSON, their texts in the others. */
export function renderRows<R>(
  rows: readonly R[],
  format: OutputFormat,
  columns: readonly Column[],
  cells: (row: R) => string[],
): string {
  switch (format) {
    case "table":
      return renderText([{ kind: "table", table: { columns, rows: rows.map(cells) } }]);
    case "markdown":
      return renderMarkdown([{ kind: "table", table: { columns, rows: rows.map(cells) } }]);
    case "csv":
      return renderCsv(columns.map((column) => column.header), rows.map(cells));
    case "json":
      return renderJson(rows);
    case "jsonl":
      return renderJsonLines(rows);
  }
}
