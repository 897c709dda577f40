/** What fills a device in each phase of one cell: the trace of the cell, read phase by phase. */
import { PeakMemory } from "../memory/peak.ts";
import type { CellSpec, Pipeline } from "../language/pipeline.ts";
import { configure } from "../plan/configuration.ts";
import type { PlanContext } from "../plan/context.ts";
import { resolve } from "../plan/resolve.ts";
import type { LentBytes } from "../strategy/strategy.ts";
import { type Category, CELL_PHASES, type Phase } from "../trace/trace.ts";

/** Bytes of a device at the fullest moment of a phase. */
export interface PhasePeak {
  readonly phase: Phase;
  readonly bytes: number;
  readonly byCategory: Readonly<Record<Category, number>>;
}

/** Devices that hold the same in every phase. */
export interface DeviceGroup {
  readonly indexes: readonly number[];
  readonly phases: readonly PhasePeak[];
  /** Set where blocks of gathered parameters come back late. */
  readonly lent?: LentBytes;
}

const PHASES: readonly Phase[] = ["start", "load", ...CELL_PHASES];

/** Bytes are those of the tensors themselves, before an allocator rounds them up. */
const UNROUNDED = 1;

/**
 * The phases of a cell on every device. Devices that are alike stand together, in the order of their indexes.
 *
 * @returns An empty list for a cell that cannot be placed.
 */
export function phasePeaks(
  cell: CellSpec,
  pipeline: Pipeline,
  context: PlanContext,
): readonly DeviceGroup[] {
  const { value: resolved } = resolve(pipeline, context);
  if (resolved === undefined) return [];
  const { placement } = configure(cell.strategy, pipeline, resolved);
  if (placement === undefined) return [];
  const memory = new PeakMemory(UNROUNDED);
  placement.trace(cell, memory);
  const groups = new Map<string, { indexes: number[]; phases: readonly PhasePeak[] }>();
  for (const { index, traced } of placement.devices) {
    const phases = PHASES
      .map((phase) => ({ ...memory.peak(traced, [phase]), phase }))
      .filter(({ bytes }) => bytes > 0);
    const key = JSON.stringify(phases);
    const known = groups.get(key);
    if (known === undefined) groups.set(key, { indexes: [index], phases });
    else known.indexes.push(index);
  }
  const { lent } = placement;
  return [...groups.values()].map((group) => lent === undefined ? group : { ...group, lent });
}
