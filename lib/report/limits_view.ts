/** The largest batches that were found, as `run --find-limit` prints them. */
import { escapeUnsafe } from "../diagnostics/quote.ts";
import type { FoundLimit } from "../run/find_limits.ts";
import { renderRows } from "./catalog_view.ts";
import { firstLine } from "./first_line.ts";
import type { OutputFormat } from "./render.ts";
import { type Column, columnsOf } from "./table.ts";

/** One row a search. */
export function renderLimits(limits: readonly FoundLimit[], format: OutputFormat): string {
  const columns: Column[] = [
    ...columnsOf(["strategy"]),
    ...columnsOf(["prompt", "new", "predicted", "runs", "fails", "probes"], 0),
    ...columnsOf([""]),
  ];
  return renderRows(limits, format, columns, (limit) => [
    escapeUnsafe(limit.name),
    String(limit.promptTokens),
    String(limit.newTokens),
    limit.predictedBatch === null ? "none" : String(limit.predictedBatch),
    limit.batchSize === 0 ? "none" : String(limit.batchSize),
    limit.failedBatch === null ? "-" : String(limit.failedBatch),
    String(limit.probes.length),
    verdict(limit),
  ]);
}

function verdict({ isExact, problem, batchSize, failedBatch }: FoundLimit): string {
  if (problem !== undefined) return firstLine(problem, 120);
  if (isExact) return "exact";
  return failedBatch === null ? `at least ${batchSize}` : `between ${batchSize} and ${failedBatch}`;
}
