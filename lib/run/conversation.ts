/**
 * What the engine says to the ranks of a session, and when it stops listening: a state machine over their events and
 * the clock, without a process or a file. Cells are asked for one by one, so that the journal knows of a cell before it
 * starts, and nothing has to be told twice after a kill.
 */
import type { PlanCell } from "../plan/plan.ts";
import type { WorkerEvent } from "./protocol.ts";
import { Ranks } from "./ranks.ts";

/** How long what may take, in seconds. */
export interface Limits {
  readonly loadSeconds: number;
  /** From asking for a cell to its end on every rank. */
  readonly cellSeconds: number;
  /** From one sign of life of a rank to its next. */
  readonly silenceSeconds: number;
  /** From the first rank that failed in a cell to the last, and for a rank to be ready again. */
  readonly agreeSeconds: number;
  /** From the end of the ranks to the end of their launcher. */
  readonly lingerSeconds: number;
}

/** What the session wants of the conversation. */
export interface Counterpart {
  /** Takes the next cell, and notes that it starts; undefined when there is none. */
  next(): PlanCell | undefined;
  /** Sends a cell to the ranks. */
  ask(cell: PlanCell): void;
  /** Tells the ranks that there are no more cells. */
  finish(): void;
  /** Every rank has ended the cell, or one has and the others never will. */
  ended(cell: PlanCell, ranks: Ranks): void;
}

/** Why the engine ends a session. */
export type Stop =
  | { readonly kind: "timeout"; readonly message: string }
  | { readonly kind: "silent"; readonly message: string }
  /** Over, and the launcher takes its time; or a rank failed and the session is of no use any more. */
  | { readonly kind: "lingering" };

type Phase = "load" | "cell" | "recover" | "finish";

/** One conversation, from the launch to the end. */
export class Conversation {
  readonly ranks: Ranks;
  readonly #limits: Limits;
  readonly #other: Counterpart;
  #phase: Phase = "load";
  #cell: PlanCell | null = null;
  #sinceMs: number;
  /** When the first rank failed or was done; null before. */
  #closingMs: number | null = null;

  constructor(worldSize: number, limits: Limits, other: Counterpart, nowMs: number) {
    this.ranks = new Ranks(worldSize, nowMs);
    this.#limits = limits;
    this.#other = other;
    this.#sinceMs = nowMs;
  }

  /** The cell that was asked for and has not ended. */
  get cell(): PlanCell | null {
    return this.#cell;
  }

  /** Whether every rank became ready to generate. */
  get isLoaded(): boolean {
    return this.ranks.every(({ loaded }) => loaded !== undefined);
  }

  note(event: WorkerEvent, nowMs: number): void {
    this.ranks.note(event, nowMs);
  }

  /** Says what there is to say. @returns Why the session must be ended; null to go on. */
  step(nowMs: number): Stop | null {
    switch (this.#phase) {
      case "load":
        if (this.ranks.some(({ failed }) => failed !== undefined)) return this.#linger(nowMs);
        if (this.isLoaded) this.#nextCell(nowMs);
        else if (this.#isLate(nowMs, this.#limits.loadSeconds)) {
          return timeout(`loading took longer than ${this.#limits.loadSeconds} s`);
        }
        break;
      case "cell":
        return this.#stepCell(nowMs) ?? this.#silence(nowMs);
      case "recover":
        if (this.ranks.every(({ ready }) => ready)) this.#nextCell(nowMs);
        else if (this.#isLate(nowMs, this.#limits.agreeSeconds)) return { kind: "lingering" };
        break;
      case "finish":
        if (this.ranks.every(({ finished }) => finished)) return this.#linger(nowMs);
        if (this.#isLate(nowMs, this.#limits.agreeSeconds + this.#limits.lingerSeconds)) {
          return { kind: "lingering" };
        }
        break;
    }
    return this.#silence(nowMs);
  }

  /** Ranks that all ended a cell are ready for the next; one that failed alone leaves the others waiting for it. */
  #stepCell(nowMs: number): Stop | null {
    const { ranks } = this;
    const cell = this.#cell;
    if (cell === null) return null;
    const failures = ranks.all.filter(({ ended }) => ended?.event === "cell_failed");
    const allEnded = ranks.every(({ ended }) => ended !== undefined);
    if (failures.length === 0) {
      if (!allEnded) {
        return this.#isLate(nowMs, this.#limits.cellSeconds)
          ? timeout(`the cell took longer than ${this.#limits.cellSeconds} s`)
          : null;
      }
      this.#cell = null;
      this.#other.ended(cell, ranks);
      this.#nextCell(nowMs);
      return null;
    }
    this.#closingMs ??= nowMs;
    const survive = failures.every(({ ended }) =>
      ended?.event === "cell_failed" && ended.recovered
    );
    const waited = nowMs - this.#closingMs >= this.#limits.agreeSeconds * 1000;
    if (allEnded && survive && failures.length === ranks.all.length) {
      this.#cell = null;
      this.#closingMs = null;
      this.#other.ended(cell, ranks);
      this.#phase = "recover";
      this.#sinceMs = nowMs;
      return null;
    }
    // A worker that gives up ends by itself and takes the launcher with it; its log is complete then.
    if (!waited) return null;
    this.#cell = null;
    this.#other.ended(cell, ranks);
    return { kind: "lingering" };
  }

  #nextCell(nowMs: number): void {
    this.#sinceMs = nowMs;
    const cell = this.#other.next();
    if (cell === undefined) {
      this.#phase = "finish";
      this.#other.finish();
      return;
    }
    this.#phase = "cell";
    this.#cell = cell;
    this.ranks.beginCell(cell.id);
    this.#other.ask(cell);
  }

  /** Ranks that failed or are done leave; a launcher that does not is left. */
  #linger(nowMs: number): Stop | null {
    this.#closingMs ??= nowMs;
    const late = nowMs - this.#closingMs >= this.#limits.lingerSeconds * 1000;
    return late ? { kind: "lingering" } : null;
  }

  #isLate(nowMs: number, seconds: number): boolean {
    return nowMs - this.#sinceMs >= seconds * 1000;
  }

  /** A rank that is stopped, or stuck where not even its threads run, gives no heartbeat; the others spin. */
  #silence(nowMs: number): Stop | null {
    const { silenceSeconds } = this.#limits;
    const quietest = this.ranks.quietest();
    if (quietest === null || nowMs - quietest.signMs < silenceSeconds * 1000) return null;
    const message = `rank ${quietest.rank} gave no sign of life for ${silenceSeconds} s`;
    return { kind: "silent", message };
  }
}

function timeout(message: string): Stop {
  return { kind: "timeout", message };
}
