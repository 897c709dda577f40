/** Measured cells of a published table, for the cells of a pipeline that reproduces it. */
import { findPublished, findPublishedCell, findPublishedRow } from "../catalog/published_match.ts";
import type { CellSpec, Pipeline } from "../language/pipeline.ts";
import type { Resolved } from "../plan/resolve.ts";
import type { MeasuredCell, MeasuredSet } from "./measured.ts";

/** The published cells; undefined where nothing was published of the model on this hardware and stack. */
export function measuredOfPublished(
  pipeline: Pipeline,
  cells: readonly CellSpec[],
  { model, hardware, stack }: Resolved,
): MeasuredSet | undefined {
  const table = findPublished({
    model: model.name,
    stack: stack.name,
    nodes: hardware.nodes,
    deviceCount: hardware.deviceCount,
    deviceKind: hardware.device.kind,
  });
  if (table === undefined) return undefined;
  const measured = cells.flatMap((cell): MeasuredCell[] => {
    const row = findPublishedRow(table, cell.strategy);
    const known = findPublishedCell(row, cell.batchSize);
    if (known === undefined) return [];
    const { msPerNewToken, readySeconds } = known;
    if (msPerNewToken === null) {
      const remark = row?.notes === undefined ? {} : { remark: row.notes };
      return [{ cell, status: "oom", values: {}, ...remark }];
    }
    return [{
      cell,
      status: "ok",
      values: {
        // One cell is known to be wrong in print.
        ...(known.isOutlier ? {} : { msPerToken: [msPerNewToken] }),
        ...(readySeconds === null ? {} : { loadSeconds: [readySeconds] }),
      },
    }];
  });
  return { source: `published ${table.id}`, pipeline, cells: measured };
}
