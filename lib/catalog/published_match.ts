/** Finds what was published of a cell: the same model on the same devices, with the same libraries. */
import type { StrategySpec } from "../language/pipeline.ts";
import {
  type PublishedCell,
  type PublishedRow,
  type PublishedTable,
  publishedTables,
} from "./published.ts";
import { findNode } from "./hardware.ts";

/** What a pipeline has to share with a table. */
export interface PublishedQuery {
  readonly model: string;
  readonly stack: string;
  readonly nodes: number;
  readonly deviceCount: number;
  readonly deviceKind: string;
}

/** The table of such a pipeline; undefined where none was published. */
export function findPublished(query: PublishedQuery): PublishedTable | undefined {
  return publishedTables().find((table) =>
    table.model === query.model && table.stack === query.stack && query.nodes === 1 &&
    table.deviceCount === query.deviceCount &&
    findNode(table.hardware)?.devices.kind === query.deviceKind
  );
}

/** The row of a strategy. */
export function findPublishedRow(
  table: PublishedTable,
  { use, dtype }: { readonly use: StrategySpec["use"]; readonly dtype: string },
): PublishedRow | undefined {
  return table.rows.find((row) => row.strategy === use && row.dtype === dtype);
}

/** The cell of a batch size. */
export function findPublishedCell(
  row: PublishedRow | undefined,
  batchSize: number,
): PublishedCell | undefined {
  return row?.cells.find((cell) => cell.batchSize === batchSize);
}
