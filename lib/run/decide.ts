/** Which cells a run has to run, which it takes over from an earlier one, and why. */
import type { Plan, PlanCell } from "../plan/plan.ts";
import type { PredictedOom } from "../plan/selection.ts";
import { selectCells } from "../plan/selection.ts";
import { changesBetween } from "./changes.ts";
import type { HostFacts } from "./host.ts";
import type { JournalState } from "./journal_records.ts";
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
  readonly cell: PlanCell;
  readonly action: "run" | "reuse" | "skip";
  /** In words. */
  readonly reason: string;
  /** What is taken over; with `reuse`. */
  readonly outcome?: RecordedOutcome;
}

/** Outcomes that say something about the cell, as against about the day. */
const RESULTS: readonly CellStatus[] = ["ok", "oom"];

/**
 * Decides for every cell of a plan, in its order. A result is taken over when everything that decides it is the same:
 * the key of the cell, which names model, strategy, stack, lengths, benchmark, budget and worker scripts, and the host.
 * Of an older run a failure is tried again; a run that goes on leaves its failures, unless it is told to rerun them.
 */
export function decideCells(
  plan: Plan,
  policy: PredictedOom,
  host: HostFacts,
  { earlier, rerun }: { readonly earlier: EarlierRun | null; readonly rerun?: Rerun },
): Decision[] {
  const { plan: chosen, selected } = selectCells(plan, policy);
  const launched = new Set([...selected.values()].flat().map(({ id }) => id));
  const decide = decider(plan, host, earlier, rerun);
  return chosen.cells.map((cell) =>
    launched.has(cell.id) ? decide(cell) : { cell, action: "skip", reason: cell.reason }
  );
}

function decider(
  plan: Plan,
  host: HostFacts,
  earlier: EarlierRun | null,
  rerun: Rerun | undefined,
): (cell: PlanCell) => Decision {
  const run = (cell: PlanCell, why: string): Decision => {
    const proof = cell.reason.startsWith("predicted") ? `; ${cell.reason}` : "";
    return { cell, action: "run", reason: `${why}${proof}` };
  };
  if (earlier === null) {
    return (cell) => run(cell, isNamed(cell, rerun) ? "forced" : "new");
  }
  const { state } = earlier;
  const byKey = new Map([...state.cells].map(([id, history]) => [history.key, { id, ...history }]));
  const otherHost = state.run === null ? null : hostChange(state.run.host, host);
  const plans = { earlier: undefined as Plan | null | undefined };

  return (cell) => {
    const known = byKey.get(cell.key);
    if (isNamed(cell, rerun)) return run(cell, "forced");
    if (known === undefined) {
      if (!state.cells.has(cell.id)) return run(cell, earlier.isThis ? "not reached before" : "new");
      plans.earlier ??= earlier.plan();
      return run(cell, `changed: ${changesOf(plan, cell, plans.earlier)}`);
    }
    const { outcome } = known;
    if (outcome === null || outcome.status === "interrupted") return run(cell, "interrupted before");
    const isResult = RESULTS.includes(outcome.status);
    if (!isResult && (rerun === "failed" || !earlier.isThis)) {
      return run(cell, `failed before: ${outcome.status}`);
    }
    if (otherHost !== null) return run(cell, `changed: ${otherHost}`);
    const where = earlier.isThis ? "before" : `in ${earlier.folder}`;
    const from = outcome.reusedFrom ?? earlier.folder;
    return {
      cell,
      action: "reuse",
      reason: isResult ? `finished ${where}: reused` : `failed ${where}: left`,
      outcome: earlier.isThis ? outcome : { ...outcome, reusedFrom: from },
    };
  };
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
  if (gpus(before) !== gpus(now)) return `GPUs (${gpus(now) || "none"}, was ${gpus(before) || "none"})`;
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
