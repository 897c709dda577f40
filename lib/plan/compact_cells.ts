/**
 * Cells of a plan that hold their predictions packed: an engine keeps all cells for as long as it runs, and needs all of a
 * prediction only while it looks at that cell. They read like any others; a copy by spreading has everything unpacked.
 */
import { PackedValues } from "./packed.ts";
import type { PlanCell } from "./plan.ts";
import type { Prediction } from "./prediction.ts";

/** A property of each cell, as in other cells, so that whatever writes or copies them finds it; the getter is one for all. */
const PREDICTION: PropertyDescriptor = { enumerable: true, configurable: true };

type Values = Readonly<Record<string, unknown>>;

class CompactCell {
  readonly #packed: PackedValues<Prediction>;
  readonly #place: number;

  private constructor(packed: PackedValues<Prediction>, place: number) {
    this.#packed = packed;
    this.#place = place;
  }

  static {
    PREDICTION.get = function (this: CompactCell): Prediction {
      return this.#packed.get(this.#place);
    };
  }

  static is(cell: PlanCell): boolean {
    return #packed in cell;
  }

  static make(rest: Values, packed: PackedValues<Prediction>, place: number): PlanCell {
    return filled(new CompactCell(packed, place), rest);
  }

  static changed(cell: PlanCell, values: Values): PlanCell {
    if (!(#packed in cell)) return { ...cell, ...values };
    return filled(new CompactCell(cell.#packed, cell.#place), { ...restOf(cell), ...values });
  }
}

function filled(cell: CompactCell, rest: Values): PlanCell {
  Object.assign(cell, rest);
  return Object.defineProperty(cell, "prediction", PREDICTION) as unknown as PlanCell;
}

/** Makes cells compact, one by one, so that the large ones need not be there at the same time. */
export class CellCompactor {
  readonly #packed = new PackedValues<Prediction>();
  readonly #shared = new Map<string, unknown>();

  /** The cell with its prediction packed, and with what is the same in many cells shared; a compact one as it is. */
  compact(cell: PlanCell): PlanCell {
    if (CompactCell.is(cell)) return cell;
    const shared = {
      ...restOf(cell),
      strategy: this.#share(cell.strategy),
      model: this.#share(cell.model),
      sessionId: this.#share(cell.sessionId),
      reason: this.#share(cell.reason),
    };
    return CompactCell.make(shared, this.#packed, this.#packed.add(cell.prediction));
  }

  #share<T>(value: T): T {
    const key = JSON.stringify(value);
    if (!this.#shared.has(key)) this.#shared.set(key, value);
    return this.#shared.get(key) as T;
  }
}

/** The cell with another reason; a packed prediction stays packed. */
export function withReason(cell: PlanCell, reason: string): PlanCell {
  return cell.reason === reason ? cell : CompactCell.changed(cell, { reason });
}

/** A copy of a cell with more properties; a packed prediction stays packed. The same descriptors for many cells cost least. */
export function extended(
  cell: PlanCell,
  properties: PropertyDescriptorMap,
  values: Values,
): PlanCell {
  const copy = Object.defineProperties(CompactCell.changed(cell, {}), properties);
  return Object.assign(copy, values);
}

/** All but the prediction, which is not unpacked for it. */
function restOf(cell: PlanCell): Values {
  const rest: Record<string, unknown> = {};
  for (const key of Object.keys(cell)) {
    if (key !== "prediction") rest[key] = Reflect.get(cell, key);
  }
  return rest;
}
