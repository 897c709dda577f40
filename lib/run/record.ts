/** Keeps the outcomes of a run and writes the results after each of them. */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { resultsNotWritten } from "../diagnostics/messages/run.ts";
import { reasonOf } from "../catalog/json_file.ts";
import type { Plan, PlanCell } from "../plan/plan.ts";
import type { CellOutcome } from "./outcome.ts";
import {
  assembleResults,
  type RecordedOutcome,
  type Results,
  type RunFacts,
  writeResults,
} from "./results.ts";

/** Outcomes by cell; each is on the disk before the next cell ends. */
export class RunRecord {
  /** What could not be written. */
  readonly diagnostics: Diagnostic[] = [];
  readonly #plan: Plan;
  readonly #facts: Omit<RunFacts, "endedAt" | "interrupted">;
  readonly #outcomes = new Map<string, RecordedOutcome>();

  constructor(plan: Plan, facts: Omit<RunFacts, "endedAt" | "interrupted">) {
    this.#plan = plan;
    this.#facts = facts;
  }

  /** How many cells have an outcome. */
  get size(): number {
    return this.#outcomes.size;
  }

  has(cellId: string): boolean {
    return this.#outcomes.has(cellId);
  }

  /** Keeps an outcome and writes the results. `logPath` is relative to the run's folder. */
  note(cell: PlanCell, outcome: CellOutcome, logPath: string | null): void {
    this.#outcomes.set(cell.id, { ...outcome, logPath });
    this.#write(this.#results({ endedAt: null, interrupted: false }));
  }

  /** Closes the run and writes the final results. */
  finish(endedAt: Date, { interrupted }: { interrupted: boolean }): Results {
    const results = this.#results({ endedAt: endedAt.toISOString(), interrupted });
    this.#write(results);
    return results;
  }

  #results(end: Pick<RunFacts, "endedAt" | "interrupted">): Results {
    return assembleResults(this.#plan, this.#outcomes, { ...this.#facts, ...end });
  }

  #write(results: Results): void {
    try {
      writeResults(results);
    } catch (error) {
      const path = `${this.#facts.folder}/results.json`;
      this.diagnostics.push(resultsNotWritten({ path, reason: reasonOf(error) }));
    }
  }
}
