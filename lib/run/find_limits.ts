/** The largest batch that really runs, for every configuration of a plan: probes as cells, served by sessions like others. */
import { hashJson } from "../plan/hash.ts";
import type { Plan, PlanCell, PlanSession } from "../plan/plan.ts";
import type { DevicePrediction } from "../plan/prediction.ts";
import type { CellQueue } from "./cell_queue.ts";
import { type LimitHints, LimitSearch, type Probe } from "./limit_search.ts";
import type { CellOutcome } from "./outcome.ts";
import type { CellStatus } from "./protocol.ts";

/** Probes for one limit. */
const MOST_PROBES = 6;
const MOST_BATCH = 2 ** 20;

/** What a search came to. */
export interface FoundLimit {
  /** Name of the strategy, and the values of its axes but the batch. */
  readonly name: string;
  /** Length of every prompt. */
  readonly promptTokens: number;
  /** Generated for every prompt. */
  readonly newTokens: number;
  /** Largest batch that is predicted to fit; null when none is. */
  readonly predictedBatch: number | null;
  /** Largest batch that ran; 0 when none did. */
  readonly batchSize: number;
  /** Smallest batch that ran out of memory; null when none did. */
  readonly failedBatch: number | null;
  /** Whether the two are neighbours. */
  readonly isExact: boolean;
  /** Why the search ended early, in words. */
  readonly problem?: string;
  /** What was tried, in order. */
  readonly probes: readonly Probe[];
}

/** The cells of a plan that differ in nothing but the batch. */
export interface LimitGroup {
  readonly session: PlanSession;
  readonly cells: readonly PlanCell[];
}

/** Groups the cells that have a session. */
export function limitGroups(plan: Plan): LimitGroup[] {
  const sessions = new Map(plan.sessions.map((session) => [session.id, session]));
  const groups = Map.groupBy(
    plan.cells.filter(({ sessionId }) => sessionId !== null),
    ({ strategy, promptTokens, newTokens }) => JSON.stringify([strategy, promptTokens, newTokens]),
  );
  return [...groups.values()].flatMap((cells) => {
    const session = sessions.get(cells[0]?.sessionId ?? "");
    return session === undefined ? [] : [{ session, cells }];
  });
}

/** Hands out the probes of one search. */
export class LimitQueue implements CellQueue {
  readonly #search: LimitSearch;
  readonly #group: LimitGroup;
  readonly #known: (key: string) => CellStatusAndPeak | undefined;
  readonly #isAloneInProcess: boolean;
  #taken: PlanCell | null = null;
  #retried: PlanCell | null = null;
  #pause = false;
  #problem: string | undefined;

  /**
   * @param known Answers for probes that an earlier engine has made.
   * @param isAlone Whether each probe gets a process of its own.
   */
  constructor(
    group: LimitGroup,
    known: (key: string) => CellStatusAndPeak | undefined,
    isAlone = false,
  ) {
    this.#group = group;
    this.#known = known;
    this.#search = new LimitSearch(hintsOf(group.cells));
    this.#isAloneInProcess = isAlone;
    this.#replay();
  }

  get isEmpty(): boolean {
    return this.#problem !== undefined ||
      (this.#taken === null && this.#retried === null && this.#search.next() === null);
  }

  next(): PlanCell | undefined {
    if (this.#pause) {
      this.#pause = false;
      return undefined;
    }
    if (this.#problem !== undefined) return undefined;
    const again = this.#retried;
    this.#retried = null;
    const batchSize = this.#search.next();
    this.#taken = again ?? (batchSize === null ? null : this.#probe(batchSize));
    return this.#taken ?? undefined;
  }

  retry(cell: PlanCell): void {
    this.#taken = null;
    this.#retried = cell;
  }

  rest(): readonly PlanCell[] {
    this.#pause = false;
    const cell = this.next();
    return cell === undefined ? [] : [cell];
  }

  settled(cell: PlanCell, { status, measurement, message }: CellOutcome): void {
    this.#taken = null;
    this.#pause = this.#isAloneInProcess;
    const peaks = measurement?.devices.map(({ peakBytes }) => peakBytes) ?? [];
    const peakBytes = peaks.length === 0 ? null : Math.max(...peaks);
    // What cannot be loaded runs no batch: one sequence fails as well.
    const batchSize = message?.startsWith("loading") ? 1 : cell.batchSize;
    this.#note(batchSize, { status, peakBytes }, message);
    this.#replay();
  }

  /** What the search has come to. */
  get found(): FoundLimit {
    const [first] = this.#group.cells;
    const { good, bad, isExact, probes } = this.#search;
    return {
      name: this.#name(),
      promptTokens: first?.promptTokens ?? 0,
      newTokens: first?.newTokens ?? 0,
      predictedBatch: hintsOf(this.#group.cells).predictedBatch,
      batchSize: good,
      failedBatch: bad,
      isExact,
      ...(this.#problem === undefined ? {} : { problem: this.#problem }),
      probes,
    };
  }

  #note(batchSize: number, { status, peakBytes }: CellStatusAndPeak, message: string | null): void {
    const ran = status === "ok";
    if (ran || status === "oom" || status === "host-oom") {
      this.#search.note({ batchSize, fits: ran, peakBytes: ran ? peakBytes : null });
    } else {
      this.#problem = `batch ${batchSize} ended with ${status}: ${message ?? ""}`;
    }
  }

  /** Takes what is known already. */
  #replay(): void {
    for (let batch = this.#search.next(); batch !== null; batch = this.#search.next()) {
      const known = this.#known(this.#probe(batch).key);
      if (known === undefined) return;
      this.#note(batch, known, null);
    }
  }

  #probe(batchSize: number): PlanCell {
    const [template] = this.#group.cells;
    if (template === undefined) throw new Error("A group of cells has at least one");
    const axes = { ...template.axes, batchSize };
    const values = Object.entries(axes).map(([axis, value]) => `${axis}=${value}`).join(",");
    return {
      ...template,
      id: `${template.strategy.name}/${values}`,
      key: hashJson(["limit", this.#group.cells.map(({ key }) => key), batchSize]),
      axes,
      batchSize,
      reason: "tried to find the largest batch",
      prediction: { ...template.prediction, causes: [], devices: [], time: null },
    };
  }

  #name(): string {
    const [first] = this.#group.cells;
    const others = Object.entries(first?.axes ?? {}).filter(([axis]) => axis !== "batchSize")
      .map(([axis, value]) => `${axis}=${value}`).join(",");
    const name = first?.strategy.name ?? "";
    return others === "" ? name : `${name}/${others}`;
  }
}

/** What is kept of a probe. */
export interface CellStatusAndPeak {
  readonly status: CellStatus;
  readonly peakBytes: number | null;
}

function hintsOf(cells: readonly PlanCell[]): LimitHints {
  const [first] = cells;
  const predicted = cells.map(({ prediction }) => prediction.largestBatch)
    .find((batch) => batch !== undefined);
  const fullest = cells.map(({ batchSize, prediction }) => ({
    batchSize,
    device: fullestOf(prediction.devices),
  })).sort((a, b) => a.batchSize - b.batchSize);
  const [low, high] = [fullest[0], fullest.at(-1)];
  return {
    predictedBatch: predicted ?? first?.batchSize ?? null,
    bytesPerSequence: slopeOf(low, high),
    capacityBytes: high?.device?.capacityBytes ?? null,
    mostProbes: MOST_PROBES,
    mostBatch: MOST_BATCH,
  };
}

interface Fullest {
  readonly batchSize: number;
  readonly device: DevicePrediction | undefined;
}

/** Bytes for one more sequence: between the smallest and the largest batch, or of what grows with one batch. */
function slopeOf(low: Fullest | undefined, high: Fullest | undefined): number | null {
  if (low?.device === undefined || high?.device === undefined) return null;
  if (low.batchSize === high.batchSize) {
    const { kvBytes, activationBytes } = high.device;
    return (kvBytes + activationBytes) / high.batchSize;
  }
  const bytes = high.device.peakBytes.mid - low.device.peakBytes.mid;
  return bytes / (high.batchSize - low.batchSize);
}

function fullestOf(devices: readonly DevicePrediction[]): DevicePrediction | undefined {
  return devices.toSorted((a, b) => b.peakBytes.mid - a.peakBytes.mid)[0];
}
