/** What became of cells, packed: it is kept until the last cell has ended, and looked at when the report is written. */
import { PackedValues } from "../plan/packed.ts";
import type { RecordedOutcome } from "./results.ts";

/** What has an outcome that is packed already. */
export interface Kept {
  readonly outcome?: RecordedOutcome;
}

/** Outcomes by the id of their cell. */
export class Outcomes {
  readonly #packed = new PackedValues<RecordedOutcome>();
  /** The place of what is packed here, or where else it is. */
  readonly #places = new Map<string, number | Kept>();

  /** The property of a cell that unpacks its measurement when it is looked at. */
  readonly measurementProperty: PropertyDescriptorMap;

  constructor() {
    const get = ({ id }: { readonly id: string }) => this.get(id)?.measurement ?? null;
    this.measurementProperty = {
      measurement: {
        enumerable: true,
        configurable: true,
        get(this: { readonly id: string }) {
          return get(this);
        },
      },
    };
  }

  /** How many cells have one. */
  get size(): number {
    return this.#places.size;
  }

  has(cellId: string): boolean {
    return this.#places.has(cellId);
  }

  /** Notes an outcome, in the place of an earlier one. */
  set(cellId: string, outcome: RecordedOutcome): void {
    this.#places.set(cellId, this.#packed.add(outcome));
  }

  /** Looks an outcome up where it is packed already, instead of packing it once more. */
  keep(cellId: string, kept: Kept): void {
    this.#places.set(cellId, kept);
  }

  get(cellId: string): RecordedOutcome | undefined {
    const place = this.#places.get(cellId);
    return typeof place === "number" ? this.#packed.get(place) : place?.outcome;
  }
}
