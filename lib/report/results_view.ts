/** Results for people: the two tables of 2022 and one for memory, predicted below measured. */
import { formatGib, formatNumber, plural } from "./bytes.ts";
import type { Block, ListItem } from "./document.ts";
import { headerFacts } from "./header.ts";
import {
  measuredOom,
  oomAgreement,
  oomAgreementText,
  tokenAgreementText,
  tokenMismatches,
} from "./agreement.ts";
import { disturbances, spreadItem, spreadOf } from "./comparability.ts";
import { predictsOom } from "../plan/selection.ts";
import { pivotCells, type PivotRow, pivotTable } from "./pivot.ts";
import { fullestDevice } from "./plan_view.ts";
import type { ReportedCell, ReportedResults } from "./results_shape.ts";
import { statedItems } from "./stated_view.ts";

/** One quantity of the tables. */
interface Quantity {
  readonly title: string;
  readonly measured: (cell: ReportedCell) => string | undefined;
  readonly predicted: (cell: ReportedCell) => string | undefined;
  /** From the least to the most that was measured, where that is worth a line. */
  readonly range?: (cell: ReportedCell) => string | undefined;
}

/** Cycles that differ by less than this part of their median make no line of their own. */
const SHOWN_SPREAD = 0.05;

function msPerTokenRange(cell: ReportedCell): string | undefined {
  const { msPerTokenMin, msPerTokenMax } = cell.measurement?.time ?? {};
  const spread = spreadOf(cell);
  if (msPerTokenMin === undefined || msPerTokenMax === undefined || spread === null) {
    return undefined;
  }
  return spread > SHOWN_SPREAD
    ? `${formatNumber(msPerTokenMin)}-${formatNumber(msPerTokenMax)}`
    : undefined;
}

const QUANTITIES: readonly Quantity[] = [
  {
    title: "ms per token, lower is better",
    measured: ({ measurement }) => formatted(measurement?.time?.msPerToken, formatNumber),
    predicted: ({ prediction }) => formatted(prediction.time?.msPerToken.mid, formatNumber),
    range: msPerTokenRange,
  },
  {
    title: "Start to ready to generate, in seconds",
    measured: ({ measurement }) =>
      formatted(measurement?.time?.loadSeconds ?? undefined, formatNumber),
    predicted: ({ prediction }) => formatted(prediction.time?.loadSeconds.mid, formatNumber),
  },
  {
    title: "Peak memory of the fullest device, in GiB",
    measured: ({ measurement }) => {
      const peaks = measurement?.devices.map((device) => device.peakBytes) ?? [];
      return peaks.length === 0 ? undefined : formatGib(Math.max(...peaks));
    },
    predicted: ({ prediction }) => formatted(fullestDevice(prediction)?.peakBytes.mid, formatGib),
  },
];

/** The tables and the closing lines, as `run` and `report` print them. */
export function* resultsDocument(results: ReportedResults): Generator<Block> {
  yield { kind: "title", text: `Results of ${results.pipeline.name} (${results.pipeline.path})` };
  yield { kind: "facts", facts: headerFacts(results, results.cells) };
  for (const quantity of QUANTITIES) yield* quantityBlocks(results, quantity);
  yield* closingBlocks(results);
}

/** As `resultsDocument`, with the versions that ran: the file `results.md`. */
export function* resultsFileDocument(results: ReportedResults): Generator<Block> {
  const versions = new Set<string>();
  for (const { measurement } of results.cells) {
    for (const [name, version] of Object.entries(measurement?.versions ?? {})) {
      versions.add(`${name} ${version}`);
    }
  }
  const items = [...versions].sort().map((text): ListItem => ({ text }));
  yield* resultsDocument(results);
  if (items.length > 0) {
    yield { kind: "heading", text: "Versions that ran" };
    yield { kind: "list", items };
  }
  yield { kind: "heading", text: "How to read the tables" };
  yield {
    kind: "list",
    items: [
      "ms per token is the wall time of one generate divided by batch size, new tokens and streams; with ds-zero every rank is a stream of its own.",
      "It is that of the median of the timed generates; where they differ by more than 5% of it, min-max is that of the fastest and of the slowest.",
      "Start to ready to generate begins with the launch and contains the imports.",
      "Peak memory is sampled over loading and generating; on a GPU it contains the CUDA context, on a cpu device it is VmData.",
      "oom: the cell ran out of memory; below it stands whether that was predicted, with the predicted need in brackets.",
      "skipped: the cell was not tried, because of its prediction; an empty place is not in the grid.",
    ].map((text) => ({ text })),
  };
}

function formatted(
  value: number | undefined,
  format: (value: number) => string,
): string | undefined {
  return value === undefined ? undefined : format(value);
}

function* quantityBlocks(results: ReportedResults, quantity: Quantity): Generator<Block> {
  for (const pivot of pivotCells(results.cells)) {
    const workload = pivot.workload === "" ? "" : ` (${pivot.workload})`;
    yield { kind: "heading", text: `${quantity.title}${workload}` };
    yield { kind: "table", table: pivotTable(pivot, (row) => quantityLines(row, quantity)) };
  }
}

function quantityLines(
  row: PivotRow<ReportedCell>,
  quantity: Quantity,
): { label: string; text: (cell: ReportedCell) => string }[] {
  const range = (cell: ReportedCell) => cell.status === "ok" ? quantity.range?.(cell) : undefined;
  const spreads = [...row.cells.values()].some((cell) => range(cell) !== undefined);
  return [
    { label: row.label, text: (cell) => measuredText(cell, quantity) },
    ...(spreads ? [{ label: "  min-max", text: (cell: ReportedCell) => range(cell) ?? "" }] : []),
    { label: "  predicted", text: (cell) => predictedText(cell, quantity) },
  ];
}

function measuredText(cell: ReportedCell, quantity: Quantity): string {
  if (cell.prediction.verdict === "invalid") return "invalid";
  return cell.status === "ok" ? quantity.measured(cell) ?? "-" : cell.status;
}

function predictedText(cell: ReportedCell, quantity: Quantity): string {
  if (cell.prediction.verdict === "invalid") return "invalid";
  const value = quantity.predicted(cell);
  if (!predictsOom(cell)) return value ?? "-";
  return quantity === QUANTITIES.at(-1) && value !== undefined ? `oom (${value})` : "oom";
}

function closingBlocks(
  { cells, hardware, run, execution, sessions }: ReportedResults,
): Block[] {
  const agreement = oomAgreement(cells);
  const lines: ListItem[] = [{
    text: oomAgreementText(agreement),
    details: agreement.disagreeing.map((cell) =>
      `${cell.id}: predicted ${predictsOom(cell) ? "oom" : "to fit"}, measured ${cell.status}`
    ),
  }];
  const tokens = tokenAgreementText(cells);
  if (tokens !== undefined) lines.push({ text: tokens, details: tokenMismatches(cells) });
  const spread = spreadItem(cells);
  if (spread !== undefined) lines.push(spread);
  lines.push(...statedItems(cells));
  if (hardware.devices.kind === "cpu" && (execution?.sessions ?? 1) > 1 && sessions.length > 1) {
    lines.push({
      text: "sessions ran side by side on cpu devices: their times contain each other's work",
    });
  }
  const disturbed = disturbances(run?.conditions ?? [], hardware.devices.kind === "cpu");
  if (disturbed.length > 0) {
    lines.push({
      text: "others were at work on the host: times may be too high",
      details: disturbed,
    });
  }
  const [interrupted = [], failed = []] = [true, false].map((isInterrupted) =>
    cells.filter((cell) => isFailure(cell) && (cell.status === "interrupted") === isInterrupted)
  );
  if (failed.length > 0) {
    lines.push({
      text: `failed: ${plural(failed.length, "cell")}`,
      details: firstOf(failed.map(failure), MOST_FAILURES),
    });
  }
  if (interrupted.length > 0) {
    lines.push({
      text: `not run to the end: ${plural(interrupted.length, "cell")}, which resume goes on with`,
      details: firstOf(interrupted.map(({ id }) => id), MOST_INTERRUPTED),
    });
  }
  return [{ kind: "heading", text: "Agreement" }, { kind: "list", items: lines }];
}

/** More of them are in the tables and in results.csv. */
const MOST_FAILURES = 50;
const MOST_INTERRUPTED = 5;

function firstOf(texts: readonly string[], most: number): string[] {
  const left = texts.length - most;
  return left <= 0 ? [...texts] : [...texts.slice(0, most), `and ${left} more`];
}

/** Crashed, timed out, interrupted, or out of host memory without being predicted. */
export function isFailure(cell: ReportedCell): boolean {
  if (cell.status === "ok" || cell.status === "skipped") return false;
  if (!measuredOom(cell)) return true;
  return cell.status === "host-oom" && !predictsOom(cell);
}

function failure({ id, status, message, logPath }: ReportedCell): string {
  const reason = (message ?? "").split("\n")[0] ?? "";
  return `${id}: ${status}${reason === "" ? "" : `, ${reason}`}${
    logPath === undefined || logPath === null ? "" : ` (log: ${logPath})`
  }`;
}
