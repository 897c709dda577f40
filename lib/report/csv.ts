/** CSV: one row per cell, flat columns whose names carry their units. */
import type { PlanCell } from "../plan/plan.ts";
import type { Interval } from "../plan/prediction.ts";
import { fullestDevice } from "./plan_view.ts";
import type { ReportedCell } from "./results_shape.ts";

type Value = string | number | null | undefined;

/**
 * A CSV document with a header line. Texts are quoted where RFC 4180 asks for it, and an apostrophe goes before
 * a text that a spreadsheet would take for a formula.
 */
export function renderCsv(headers: readonly string[], rows: readonly (readonly Value[])[]): string {
  return [headers, ...rows].map(csvLine).join("");
}

function csvLine(row: readonly Value[]): string {
  return `${row.map(field).join(",")}\n`;
}

/** What starts a formula in some spreadsheet; the full-width signs count as their narrow ones in some locales. */
const FORMULA_START_REGEXP = /^[=+\-@\t\r\n＝＋－＠]/;

function field(value: Value): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return Number.isFinite(value) ? String(value) : "";
  const text = FORMULA_START_REGEXP.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

type ColumnOf<C> = readonly [header: string, value: (cell: C) => Value];

const CELL_COLUMNS: readonly ColumnOf<PlanCell>[] = [
  ["cell", (cell) => cell.id],
  ["strategy", (cell) => cell.strategy.name],
  ["use", (cell) => cell.strategy.use],
  ["dtype", (cell) => cell.strategy.dtype],
  [
    "axes",
    (cell) => Object.entries(cell.axes).map(([axis, value]) => `${axis}=${value}`).join(" "),
  ],
  ["model", (cell) => cell.model],
  ["batchSize", (cell) => cell.batchSize],
  ["promptTokens", (cell) => cell.promptTokens],
  ["newTokens", (cell) => cell.newTokens],
  ["session", (cell) => cell.sessionId],
  ["verdict", (cell) => cell.prediction.verdict],
  ["oomProbability", (cell) => cell.prediction.oomProbability],
  ["largestBatch", (cell) => cell.prediction.largestBatch],
  ["limitResource", (cell) => cell.prediction.limit?.resource],
  ["limitNeedBytes", (cell) => cell.prediction.limit?.needBytes],
  ["limitHaveBytes", (cell) => cell.prediction.limit?.haveBytes],
  ["deviceCapacityBytes", (cell) => fullestDevice(cell.prediction)?.capacityBytes],
];

/** A quantity that is predicted as an interval and measured as a number. */
interface Quantity {
  readonly name: string;
  readonly predicted: (cell: PlanCell) => Interval | undefined;
  readonly measured: (cell: ReportedCell) => number | undefined;
}

const QUANTITIES: readonly Quantity[] = [
  {
    name: "devicePeakBytes",
    predicted: (cell) => fullestDevice(cell.prediction)?.peakBytes,
    measured: (cell) => largest(cell.measurement?.devices.map((device) => device.peakBytes)),
  },
  {
    name: "hostPeakBytes",
    predicted: (cell) => cell.prediction.hosts[0]?.peakBytes,
    measured: (cell) => largest(cell.measurement?.hosts.map((host) => host.peakBytes)),
  },
  timeQuantity("loadSeconds"),
  timeQuantity("prefillMs"),
  timeQuantity("msPerStep"),
  timeQuantity("msPerToken"),
  timeQuantity("msPerTokenPerStream"),
];

function timeQuantity(
  name: "loadSeconds" | "prefillMs" | "msPerStep" | "msPerToken" | "msPerTokenPerStream",
): Quantity {
  return {
    name,
    predicted: (cell) => cell.prediction.time?.[name],
    measured: (cell) => cell.measurement?.time?.[name] ?? undefined,
  };
}

function largest(values: readonly number[] | undefined): number | undefined {
  return values === undefined || values.length === 0 ? undefined : Math.max(...values);
}

const PREDICTED_COLUMNS: readonly ColumnOf<PlanCell>[] = QUANTITIES.flatMap((
  { name, predicted },
): ColumnOf<PlanCell>[] => [
  [`${name}PredictedLow`, (cell) => predicted(cell)?.low],
  [`${name}Predicted`, (cell) => predicted(cell)?.mid],
  [`${name}PredictedHigh`, (cell) => predicted(cell)?.high],
]);

const MEASURED_COLUMNS: readonly ColumnOf<ReportedCell>[] = [
  ["status", (cell) => cell.status],
  ...QUANTITIES.map(({ name, measured }): ColumnOf<ReportedCell> => [`${name}Measured`, measured]),
  ["tokensPerSecondMeasured", (cell) => cell.measurement?.time?.tokensPerSecond],
  ["streams", (cell) => cell.measurement?.time?.streams],
  ["msPerTokenMinMeasured", (cell) => cell.measurement?.time?.msPerTokenMin],
  ["msPerTokenMaxMeasured", (cell) => cell.measurement?.time?.msPerTokenMax],
  ["tokensSha256", (cell) => cell.measurement?.tokensSha256],
  ["message", (cell) => cell.message],
  ["log", (cell) => cell.logPath],
];

/** The cells of a plan. */
export function planCsv(cells: readonly PlanCell[]): string {
  return fromColumns([...CELL_COLUMNS, ...PREDICTED_COLUMNS], cells);
}

/** The cells of a run, the columns of the plan and then the measured ones, line by line: a run of ten thousand cells has megabytes of them. */
export function* resultsCsvLines(cells: Iterable<ReportedCell>): Generator<string> {
  yield csvLine(RESULTS_COLUMNS.map(([header]) => header));
  for (const cell of cells) yield csvLine(RESULTS_COLUMNS.map(([, value]) => value(cell)));
}

const RESULTS_COLUMNS = [...CELL_COLUMNS, ...PREDICTED_COLUMNS, ...MEASURED_COLUMNS];

function fromColumns<C>(columns: readonly ColumnOf<C>[], cells: readonly C[]): string {
  const rows = cells.map((cell) => columns.map(([, value]) => value(cell)));
  return renderCsv(columns.map(([header]) => header), rows);
}
