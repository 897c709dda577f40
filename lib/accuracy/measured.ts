/** What was measured of a cell, wherever it was written down, beside the pipeline that predicts the same cell. */
import type { CellSpec, Pipeline } from "../language/pipeline.ts";
import type { Prediction } from "../plan/prediction.ts";

/** Quantities that predictions and measurements share; bytes are per device. */
export const QUANTITIES = [
  "peakAllocatedBytes",
  "peakReservedBytes",
  "peakBytes",
  "loadPeakAllocatedBytes",
  "hostPeakBytes",
  "importSeconds",
  "loadSeconds",
  "prefillMs",
  "msPerStep",
  "msPerToken",
] as const;

/** One of the quantities. */
export type Quantity = typeof QUANTITIES[number];

/** One measured cell. */
export interface MeasuredCell {
  /** With the id that reports print. */
  readonly cell: CellSpec;
  readonly status: "ok" | "oom" | "host-oom";
  /** One value for each device or node, or the one of the cell; what was not measured is absent. */
  readonly values: Readonly<Partial<Record<Quantity, readonly number[]>>>;
  /** What was predicted when it ran, for a cell that cannot be planned anew. */
  readonly stored?: Prediction;
  /** What is known of the cell beside its numbers. */
  readonly remark?: string;
}

/** Cells that were measured under one pipeline. */
export interface MeasuredSet {
  /** File or table that they come from. */
  readonly source: string;
  /** What predicts the cells; its strategies and grid are not read. */
  readonly pipeline: Pipeline;
  readonly cells: readonly MeasuredCell[];
  /** Of the workers that measured. */
  readonly workersSha256?: string;
  /** Whether those workers loaded otherwise than they do now. */
  readonly loadedOtherwise?: boolean;
  /** Whether the weights asked for no gradients: see `Runtime.frozenWeights`. */
  readonly frozenWeights?: boolean;
}
