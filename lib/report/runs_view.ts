/** The runs of a folder, as `ls runs` prints them. */
import { escapeUnsafe } from "../diagnostics/quote.ts";
import type { RunStatus } from "../run/find_runs.ts";
import { renderRows } from "./catalog_view.ts";
import type { OutputFormat } from "./render.ts";
import { type Column, columnsOf } from "./table.ts";

/** One row a run, the newest first. */
export function renderRuns(runs: readonly RunStatus[], format: OutputFormat): string {
  const columns: Column[] = [
    ...columnsOf(["run", "pipeline", "status"], 2),
    ...columnsOf(["cells", "ok", "oom", "failed"], 0),
  ];
  return renderRows(runs, format, columns, (run) => [
    escapeUnsafe(run.folder),
    escapeUnsafe(run.pipeline),
    run.status,
    `${run.done}/${run.total}`,
    String(run.ok),
    String(run.oom),
    String(run.failed),
  ]);
}
