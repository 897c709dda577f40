/** What logs of other scripts say, as `report LOG` prints them. */
import type { StatsBlock } from "../run/stats_block.ts";
import { renderRows } from "./catalog_view.ts";
import { formatNumber } from "./bytes.ts";
import type { OutputFormat } from "./render.ts";
import { type Column, columnsOf } from "./table.ts";

/** One row a block. */
export function renderStats(blocks: readonly StatsBlock[], format: OutputFormat): string {
  const columns: Column[] = [
    ...columnsOf(["variant"]),
    ...columnsOf(["batch", "ms/token", "load s", "pass s", "tokens/pass", "streams"], 0),
    ...columnsOf(["length"]),
  ];
  return renderRows(blocks, format, columns, (block) => [
    block.variant,
    text(block.batchSize),
    formatNumber(block.msPerToken),
    text(block.loadSeconds),
    text(block.passSeconds),
    text(block.tokensPerPass),
    text(block.streams),
    block.countsPrompt === null ? "" : block.countsPrompt ? "counts the prompt" : "new tokens",
  ]);
}

function text(value: number | null): string {
  return value === null ? "-" : String(value);
}
