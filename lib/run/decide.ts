/** Which cells a run has to run, which it takes over from an earlier one, and why. */
import { withReason } from "../plan/compact_cells.ts";
import type { Plan, PlanCell } from "../plan/plan.ts";
import { type PredictedOom, selectCells } from "../plan/selection.ts";
import { changesBetween } from "./changes.ts";
import type { HostFacts } from "./host.ts";
import type { CellHistory, JournalState } from "./journal_records.ts";
import type { CellStatus } from "./protocol.ts";
import type { RecordedOutcome } from "./results.ts";

/** Cells to run again although they have an outcome: all, those that failed, or one by its id. */
export type Rerun = "all" | "failed" | { readonly cellId: string };

/** A run to take outcomes from. */
export interface EarlierRun {
  /** As the user may name it. */
  readonly folder: string;
  readonly state: JournalState;
  /** The plan that it ran, read when it is needed; null where it cannot be read. */
  readonly plan: () => Plan | null;
  /** Whether it is the run that goes on, as against an older one of the same pipeline. */
  readonly isThis: boolean;
}

/** What is to become of a cell. */
export interface Decision {
  /** The cell of the plan, with the reason below. */
  readonly cell: PlanCell;
  /** Whether it is launched, taken over from an older run, or left out. */
  readonly action: "run" | "reuse" | "skip";
  /** In words. */
  readonly reason: string;
  /** What is taken over; with `reuse`. */
  readonly outcome?: RecordedOutcome;
}

/** Outcomes that say something about the cell, as against about the day. */
const RESULTS: readonly CellStatus[] = ["ok", "oom"];

/**
 * Decides for every cell of a plan, in its order. A result is taken over from the newest run in which everything that
 * decides it is the same: the key of the cell, which names model, strategy, stack, lengths, benchmark, budget and worker
 * scripts, and the host. Of an older run a failure is tried again; a run that goes on leaves its failures, unless it is
 * told to rerun them.
 */
export function decideCells(
  plan: Plan,
  policy: PredictedOom,
  host: HostFacts,
  { earlier, rerun }: {
    /** The newest first. */
    readonly earlier: readonly EarlierRun[];
    readonly rerun?: Rerun;
  },
): Decision[] {
  const { cells, launched } = selectCells(plan, policy);
  const runs = earlier.map((run): KnownRun => ({
    run,
    hostChange: run.state.run === null ? null : hostChange(run.state.run.host, host),
    byKey: bestByKey(run.state.cells.values()),
  }));
  const plans = new Map<EarlierRun, Plan | null>();
  return cells.map((cell) => {
    if (!launched.has(cell.id)) return { cell, action: "skip", reason: cell.reason };
    if (isNamed(cell, rerun)) return toRun(cell, "forced");
    return takeOver(cell, runs, rerun) ?? toRun(cell, whyNot(cell, plan, runs, plans));
  });
}

interface KnownRun {
  readonly run: EarlierRun;
  /** What differs in the host; null when nothing that decides results does. */
  readonly hostChange: string | null;
  readonly byKey: ReadonlyMap<string, CellHistory>;
}

/** Cells that differ in their name alone have one key: of these the one with a result counts. */
function bestByKey(histories: Iterable<CellHistory>): Map<string, CellHistory> {
  const best = new Map<string, CellHistory>();
  for (const history of histories) {
    const other = best.get(history.key);
    if (other === undefined || worthOf(history) > worthOf(other)) best.set(history.key, history);
  }
  return best;
}

function worthOf({ outcome }: CellHistory): number {
  if (outcome === null) return 0;
  return RESULTS.includes(outcome.status) ? 2 : 1;
}

/**
 * What became of a cell under its own name; in an older run also under another, which the file may have changed since. Of two
 * cells of one run that differ in the name alone, each is measured.
 */
function historyOf({ run, byKey }: KnownRun, { id, key }: PlanCell): CellHistory | undefined {
  const named = run.state.cells.get(id);
  const own = named?.key === key ? named : undefined;
  return run.isThis || (own !== undefined && own.outcome !== null) ? own : byKey.get(key);
}

function toRun(cell: PlanCell, why: string): Decision {
  const proof = cell.reason.startsWith("predicted") ? `; ${cell.reason}` : "";
  const reason = `${why}${proof}`;
  return { cell: withReason(cell, reason), action: "run", reason };
}

/** Takes an outcome over, which stays packed until it is looked at: a run may take over ten thousand. */
class TakeOver implements Decision {
  readonly cell: PlanCell;
  readonly action = "reuse";
  readonly reason: string;
  readonly #history: CellHistory;
  readonly #run: EarlierRun;

  constructor(cell: PlanCell, reason: string, history: CellHistory, run: EarlierRun) {
    this.cell = withReason(cell, reason);
    this.reason = reason;
    this.#history = history;
    this.#run = run;
  }

  get outcome(): RecordedOutcome {
    const { outcome } = this.#history;
    if (outcome === null) throw new Error("What is taken over has an outcome");
    const { isThis, folder } = this.#run;
    return isThis ? outcome : { ...outcome, reusedFrom: outcome.reusedFrom ?? folder };
  }
}

/** The outcome of the newest run that has one to take over; null when none has. */
function takeOver(
  cell: PlanCell,
  runs: readonly KnownRun[],
  rerun: Rerun | undefined,
): Decision | null {
  for (const known of runs) {
    const { run, hostChange } = known;
    const history = historyOf(known, cell);
    const status = history?.outcome?.status;
    if (history === undefined || status === undefined) continue;
    if (status === "interrupted" || hostChange !== null) continue;
    if (RESULTS.includes(status)) {
      const where = run.isThis ? "before" : `in ${run.folder}`;
      return new TakeOver(cell, `finished ${where}: reused`, history, run);
    }
    if (run.isThis && rerun !== "failed") {
      return new TakeOver(cell, `failed before (${status}): left`, history, run);
    }
  }
  return null;
}

/** Why a cell that has no result must run. */
function whyNot(
  cell: PlanCell,
  plan: Plan,
  runs: readonly KnownRun[],
  plans: Map<EarlierRun, Plan | null>,
): string {
  const known = runs.find((run) => historyOf(run, cell) !== undefined);
  if (known !== undefined) {
    const outcome = historyOf(known, cell)?.outcome ?? null;
    if (outcome === null || outcome.status === "interrupted") return "interrupted before";
    if (!RESULTS.includes(outcome.status)) return `failed before: ${outcome.status}`;
    return `changed: ${known.hostChange}`;
  }
  const other = runs.find(({ run }) => run.state.cells.has(cell.id));
  if (other === undefined) return runs.some(({ run }) => run.isThis) ? "not reached before" : "new";
  const before = plans.get(other.run) ?? other.run.plan();
  plans.set(other.run, before);
  return `changed: ${changesOf(plan, cell, before)}`;
}

function isNamed({ id }: PlanCell, rerun: Rerun | undefined): boolean {
  return rerun === "all" || (typeof rerun === "object" && rerun.cellId === id);
}

function changesOf(plan: Plan, cell: PlanCell, before: Plan | null): string {
  const old = before?.cells.find(({ id }) => id === cell.id);
  if (!before || old === undefined) return "the plan before it cannot be read";
  const changes = changesBetween({ plan: before, cell: old }, { plan, cell });
  return changes.length === 0 ? "how results are made" : changes.join(", ");
}

/** The part of a host that decides results; null when it is the same. */
function hostChange(before: HostFacts, now: HostFacts): string | null {
  const gpus = (host: HostFacts) => host.gpus.map(({ name }) => name).join(", ");
  if (gpus(before) !== gpus(now)) {
    return `GPUs (${gpus(now) || "none"}, was ${gpus(before) || "none"})`;
  }
  if (before.cpuModel === now.cpuModel && before.cores === now.cores) return null;
  return `host (${now.cores}x ${now.cpuModel}, was ${before.cores}x ${before.cpuModel})`;
}

/** `3 cells reused, 2 to run (1 new, 1 interrupted before), 1 skipped`. */
export function decisionSummary(decisions: readonly Decision[]): string {
  const count = (action: Decision["action"]) =>
    decisions.filter((decision) => decision.action === action);
  const reasons = Map.groupBy(count("run"), ({ reason }) => reason.split(/[:;]/)[0] ?? reason);
  const why = [...reasons].map(([reason, alike]) => `${alike.length} ${reason}`).join(", ");
  const parts = [
    `${count("run").length} to run${why === "" ? "" : ` (${why})`}`,
    ...(count("reuse").length === 0 ? [] : [`${count("reuse").length} reused`]),
    ...(count("skip").length === 0 ? [] : [`${count("skip").length} skipped`]),
  ];
  return `cells: ${parts.join(", ")}`;
}
