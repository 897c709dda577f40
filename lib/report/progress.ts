/** One line for each thing that happens while a plan runs. Pure: the command decides where the lines go. */
import { escapeUnsafe } from "../diagnostics/quote.ts";
import type { PlanCell } from "../plan/plan.ts";
import type { CellOutcome } from "../run/outcome.ts";
import { decisionSummary } from "../run/decide.ts";
import type { Progress } from "../run/progress.ts";
import { formatGib, formatMs, formatSeconds, plural } from "./bytes.ts";
import { firstLine } from "./first_line.ts";
import { fullestDevice } from "./plan_view.ts";

/** The line of a step, or nothing where a step says nothing new. */
export function progressLine(progress: Progress): string | undefined {
  switch (progress.kind) {
    case "note":
      return escapeUnsafe(progress.text);
    case "folder":
      return `run folder: ${escapeUnsafe(progress.folder)}`;
    case "decided":
      return decidedLines(progress);
    case "cell":
    case "session-ended":
      return undefined; // the live view's
    case "session":
      return sessionLine(progress);
    case "event":
      return eventLine(progress);
    case "outcome":
      return outcomeLine(progress);
  }
}

/** The reasons of all cells are in the plan of the run's folder. */
const MOST_DECISIONS = 100;

/** How many cells run and why; where they do not all run for the same reason, each by name. */
function decidedLines({ decisions }: Extract<Progress, { kind: "decided" }>): string {
  const plain = new Set(decisions.map(({ action, reason }) => `${action} ${reason}`)).size < 2 ||
    decisions.every(({ action, reason }) => action === "skip" || reason.startsWith("new"));
  const lines = plain ? [] : decisions.filter(({ action }) => action !== "skip")
    .map(({ cell, reason }) => `  ${cell.id}: ${escapeUnsafe(reason)}`);
  const left = lines.length - MOST_DECISIONS;
  const shown = left <= 0 ? lines : [...lines.slice(0, MOST_DECISIONS), `  and ${left} more`];
  return [decisionSummary(decisions), ...shown].join("\n");
}

function sessionLine({ session, cells }: Extract<Progress, { kind: "session" }>): string {
  const seconds = cells[0]?.prediction.time?.loadSeconds.mid;
  const expected = seconds === undefined
    ? ""
    : `, predicted to be ready in ${formatSeconds(seconds)}`;
  const processes = plural(session.worldSize, "process", "processes");
  return `${session.id}: starting ${processes} for ${plural(cells.length, "cell")}${expected}`;
}

/** Of a session's events only that rank 0 is ready is news; cells are told by their outcome. */
function eventLine({ session, event }: Extract<Progress, { kind: "event" }>): string | undefined {
  if (event.event !== "loaded" || event.rank !== 0) return undefined;
  if (session.directory !== undefined) return undefined; // a script loads in each cell anew
  return `${session.id}: ready after ${formatSeconds(event.loadSeconds)}`;
}

function outcomeLine(
  { cell, outcome, done, total }: Extract<Progress, { kind: "outcome" }>,
): string {
  const count = total === 0
    ? `[${done}]`
    : `[${String(done).padStart(String(total).length)}/${total}]`;
  return `${count} ${cell.id}: ${[outcome.status, ...details(cell, outcome)].join(", ")}`;
}

function details(cell: PlanCell, { status, measurement, message, failure }: CellOutcome): string[] {
  const parts: string[] = [];
  const time = measurement?.time;
  if (time) {
    const predicted = cell.prediction.time?.msPerToken.mid;
    const beside = predicted === undefined ? "" : ` (predicted ${formatMs(predicted)})`;
    parts.push(`${formatMs(time.msPerToken)} per token${beside}`);
  }
  const peak = Math.max(0, ...measurement?.devices.map(({ peakBytes }) => peakBytes) ?? []);
  const device = fullestDevice(cell.prediction);
  if (peak > 0) {
    const capacity = device?.capacityBytes;
    const of = capacity === null || capacity === undefined ? "" : ` of ${formatGib(capacity)}`;
    const predicted = device === undefined ? "" : ` (predicted ${formatGib(device.peakBytes.mid)})`;
    parts.push(`peak ${formatGib(peak)}${of} GiB${predicted}`);
  }
  if (status !== "ok" && message !== null) {
    parts.push(firstLine(message, 160));
  }
  if (failure !== undefined && status !== "oom") parts.push(`advice: ${failure.advice}`);
  return parts;
}
