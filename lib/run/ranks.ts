/** What each rank of a session has said so far. Only what is still needed is kept: a session may serve ten thousand cells. */
import type { EventOf } from "./measure.ts";
import type { WorkerEvent } from "./protocol.ts";

/** One rank. */
export interface RankState {
  started?: EventOf<"started">;
  loaded?: EventOf<"loaded">;
  failed?: EventOf<"failed">;
  /** How the current cell ended for it. */
  ended?: EventOf<"cell_finished"> | EventOf<"cell_failed"> | EventOf<"script_ended">;
  /** Whether it is ready for the next cell after a failed one. */
  ready: boolean;
  finished: boolean;
  /** When it last gave a sign of life, in milliseconds of the caller's clock. */
  signMs: number;
}

/** All ranks, and the cell that they are at. */
export class Ranks {
  readonly all: readonly RankState[];
  #cellId: string | null = null;

  constructor(worldSize: number, nowMs: number) {
    this.all = Array.from(
      { length: worldSize },
      () => ({ ready: false, finished: false, signMs: nowMs }),
    );
  }

  /** Forgets the last cell. */
  beginCell(cellId: string): void {
    this.#cellId = cellId;
    for (const rank of this.all) {
      delete rank.ended;
      rank.ready = false;
    }
  }

  /** Takes an event; what belongs to another cell than the current one counts as a sign of life only. */
  note(event: WorkerEvent, nowMs: number): void {
    const rank = this.all[event.rank];
    if (rank === undefined) return;
    rank.signMs = nowMs;
    switch (event.event) {
      case "started":
        rank.started = event;
        break;
      case "loaded":
        rank.loaded = event;
        break;
      case "failed":
        rank.failed = event;
        break;
      case "cell_finished":
      case "cell_failed":
      case "script_ended":
        if (event.cellId === this.#cellId) rank.ended = event;
        break;
      case "ready":
        if (event.cellId === this.#cellId) rank.ready = true;
        break;
      case "finished":
        rank.finished = true;
        break;
    }
  }

  every(test: (rank: RankState) => boolean): boolean {
    return this.all.every(test);
  }

  some(test: (rank: RankState) => boolean): boolean {
    return this.all.some(test);
  }

  /** The rank that has been silent for longest, and since when. Ranks that are done owe no sign. */
  quietest(): { readonly rank: number; readonly signMs: number } | null {
    let quietest: { rank: number; signMs: number } | null = null;
    for (const [rank, { signMs, finished, started }] of this.all.entries()) {
      if (finished || started === undefined) continue;
      if (quietest === null || signMs < quietest.signMs) quietest = { rank, signMs };
    }
    return quietest;
  }
}
