/** The cells that a session serves, handed out one by one. */
import type { PlanCell } from "../plan/plan.ts";
import type { CellOutcome } from "./outcome.ts";

/** Where a session takes its cells from. What comes next may depend on how the last one ended. */
export interface CellQueue {
  /** Takes the next cell; undefined when there is none left. */
  next(): PlanCell | undefined;
  /** Puts back a cell that was taken and has no outcome: it comes last. */
  retry(cell: PlanCell): void;
  /** Takes all that are left, for an outcome that is the same for each. */
  rest(): readonly PlanCell[];
  /** Whether a cell is left. */
  readonly isEmpty: boolean;
  /** Tells how a cell that was taken ended. */
  settled(cell: PlanCell, outcome: CellOutcome): void;
}

/** A fixed list, in its order. */
export class ListQueue implements CellQueue {
  #cells: PlanCell[];

  constructor(cells: readonly PlanCell[]) {
    this.#cells = [...cells];
  }

  get isEmpty(): boolean {
    return this.#cells.length === 0;
  }

  next(): PlanCell | undefined {
    return this.#cells.shift();
  }

  retry(cell: PlanCell): void {
    this.#cells.push(cell);
  }

  rest(): readonly PlanCell[] {
    const rest = this.#cells;
    this.#cells = [];
    return rest;
  }

  settled(): void {}
}
