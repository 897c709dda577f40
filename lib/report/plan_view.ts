/** The dry run for people: what would be launched, and for every cell whether it fits, why, and how fast. */
import type { Plan, PlanCell } from "../plan/plan.ts";
import type { Interval, Prediction, Verdict } from "../plan/prediction.ts";
import { formatGib, formatNumber, plural } from "./bytes.ts";
import type { Block, ListItem } from "./document.ts";
import { headerFacts } from "./header.ts";
import { groupBy, pivotCells, pivotTable } from "./pivot.ts";
import { publishedBlocks } from "./published_view.ts";
import type { Column } from "./table.ts";

const CELL_COLUMNS: readonly Column[] = [
  { header: "cell", align: "left" },
  { header: "verdict", align: "left" },
  { header: "peak/cap GiB", align: "right" },
  { header: "limit", align: "left", isSpare: true },
  { header: "host GiB", align: "right", isSpare: true },
  { header: "load s", align: "right" },
  { header: "ms/token", align: "right" },
];

/** The whole view. */
export function planDocument(plan: Plan): Block[] {
  const blocks: Block[] = [
    { kind: "title", text: `Plan of ${plan.pipeline.name} (${plan.pipeline.path})` },
    { kind: "facts", facts: headerFacts(plan, plan.cells) },
    { kind: "table", table: { columns: CELL_COLUMNS, rows: plan.cells.map(cellRow) } },
    ...fullBlocks(plan.cells),
    ...pivotBlocks(plan),
    ...publishedBlocks(plan),
  ];
  const causes = causeItems(
    plan.cells.filter(({ prediction: { verdict } }) => verdict !== "fits" && verdict !== "unknown"),
  );
  if (causes.length > 0) {
    blocks.push({ kind: "heading", text: "Why cells do not fit, or may not" });
    blocks.push({ kind: "list", items: causes });
  }
  if (plan.sessions.length > 0) {
    blocks.push({ kind: "heading", text: "What would be launched" });
    blocks.push({
      kind: "list",
      items: [...groupBy(plan.sessions, launchKey).values()].map((alike) =>
        sessionItem(alike, plan)
      ),
    });
  }
  const notes = plan.diagnostics.map(({ code, message, help }): ListItem => ({
    text: `${code}: ${message}`,
    ...(help === undefined ? {} : { details: [help] }),
  }));
  if (notes.length > 0) {
    blocks.push({ kind: "heading", text: "Notes" }, { kind: "list", items: notes });
  }
  return [...blocks, { kind: "paragraph", text: planSummary(plan) }];
}

/** Why a device can be full although its cell fits. */
function fullBlocks(cells: readonly PlanCell[]): Block[] {
  const full = cells.filter(({ prediction: { verdict, devices } }) =>
    verdict === "fits" && devices.some(({ allocatorRetries }) => (allocatorRetries ?? 0) > 0)
  );
  if (full.length === 0) return [];
  const text = `In ${plural(full.length, "cell")} that ${full.length === 1 ? "fits" : "fit"} ` +
    "the allocator fills a device with blocks that it keeps and gives back when it must: " +
    "the peak is what the driver shows, the need is less.";
  return [{ kind: "paragraph", text }];
}

/** `18 cells: 14 fit, 1 tight, 3 oom; 3 sessions`. */
export function planSummary(plan: Pick<Plan, "cells" | "sessions">): string {
  const names: Readonly<Record<Verdict, string>> = {
    fits: "fit",
    tight: "tight",
    oom: "oom",
    invalid: "invalid",
    unknown: "unknown",
  };
  const counts = (["fits", "tight", "oom", "invalid", "unknown"] as const).map((verdict) => ({
    name: names[verdict],
    count: plan.cells.filter((cell) => cell.prediction.verdict === verdict).length,
  })).filter(({ count }) => count > 0);
  const verdicts = counts.map(({ name, count }) => `${count} ${name}`).join(", ");
  return `${plural(plan.cells.length, "cell")}${verdicts === "" ? "" : `: ${verdicts}`}; ` +
    plural(plan.sessions.length, "session");
}

/** The device that is fullest for its capacity (or, without capacities, in bytes). */
export function fullestDevice(prediction: Prediction): Prediction["devices"][number] | undefined {
  function fullness(device: Prediction["devices"][number]): number {
    return device.peakBytes.mid / (device.capacityBytes ?? 1);
  }
  return prediction.devices.reduce<Prediction["devices"][number] | undefined>(
    (fullest, device) =>
      fullest === undefined || fullness(device) > fullness(fullest) ? device : fullest,
    undefined,
  );
}

function pivotBlocks(plan: Plan): Block[] {
  const pivots = pivotCells(plan.cells);
  if (pivots.every((pivot) => pivot.rows.length < 2 && pivot.batchSizes.length < 2)) return [];
  const isLimited = plan.cells.some(({ prediction }) => prediction.limit !== null);
  const title = isLimited
    ? "Memory needed, in % of the capacity, of the fullest device or of the host"
    : "Peak memory of the fullest device, in GiB";
  return pivots.flatMap((pivot): Block[] => [
    { kind: "heading", text: pivot.workload === "" ? title : `${title} (${pivot.workload})` },
    {
      kind: "table",
      table: pivotTable(pivot, (row) => [{ label: row.label, text: verdictText }]),
    },
  ]);
}

function verdictText({ prediction }: PlanCell): string {
  const { verdict, limit } = prediction;
  if (verdict === "invalid" || verdict === "unknown") return verdict;
  if (limit === null) return peakText(prediction);
  const percent = `${Math.round(100 * limit.needBytes / limit.haveBytes)}%`;
  const words = [verdict, limit.resource.startsWith("device") ? "" : limit.resource, percent];
  return words.filter((word) => word !== "" && word !== "fits").join(" ");
}

function cellRow(cell: PlanCell): string[] {
  const { prediction } = cell;
  const { time } = prediction;
  return [
    cell.id,
    prediction.verdict,
    peakText(prediction),
    prediction.limit?.resource ?? "-",
    hostText(prediction),
    time === null ? "-" : formatNumber(time.loadSeconds.mid),
    time === null ? "-" : intervalText(time.msPerToken),
  ];
}

function peakText(prediction: Prediction): string {
  const device = fullestDevice(prediction);
  if (device === undefined) return "-";
  const { peakBytes, capacityBytes } = device;
  if (capacityBytes === null) return formatGib(peakBytes.mid);
  const percent = percentText(prediction).padStart(4);
  return `${formatGib(peakBytes.mid)}/${formatGib(capacityBytes)} ${percent}`;
}

function percentText(prediction: Prediction): string {
  const device = fullestDevice(prediction);
  if (device === undefined || device.capacityBytes === null) return "";
  return `${Math.round(100 * device.peakBytes.mid / device.capacityBytes)}%`;
}

function hostText({ hosts }: Prediction): string {
  const fullest = Math.max(...hosts.map((host) => host.peakBytes.mid));
  return hosts.length === 0 ? "-" : formatGib(fullest);
}

function intervalText({ low, mid, high }: Interval): string {
  return `${formatNumber(mid)} (${formatNumber(low)}-${formatNumber(high)})`;
}

/** Cells that do not fit for the same causes, such as all batch sizes of a strategy, share an item. */
function causeItems(cells: readonly PlanCell[]): ListItem[] {
  const groups = groupBy(
    cells,
    ({ strategy, prediction }) =>
      JSON.stringify([strategy.name, adviceText(prediction), prediction.causes]),
  );
  return [...groups.values()].flatMap(([first, ...others]) => {
    if (first === undefined) return [];
    const more = others.length === 0 ? "" : ` and ${others.length} more of ${first.strategy.name}`;
    const { prediction } = first;
    return [{ text: `${first.id}${more} (${adviceText(prediction)})`, details: prediction.causes }];
  });
}

function adviceText({ verdict, largestBatch }: Prediction): string {
  const advice = verdict === "invalid" || largestBatch === undefined
    ? ""
    : largestBatch === null
    ? "; no batch fits"
    : `; the largest batch that fits is ${largestBatch}`;
  return verdict + advice;
}

/** Sessions of one cell that start alike are told together. */
function launchKey({ id, strategy, worldSize, launch, cellIds }: Plan["sessions"][number]): string {
  return cellIds.length === 1 ? JSON.stringify([strategy, worldSize, launch]) : id;
}

function sessionItem(alike: readonly Plan["sessions"][number][], { cells }: Plan): ListItem {
  const [session] = alike;
  if (session === undefined) throw new Error("No session to tell of");
  const ids = new Set(alike.map(({ id }) => id));
  const served = cells.filter(({ sessionId }) => sessionId !== null && ids.has(sessionId));
  const reasons = groupBy(served, (cell) => cell.reason);
  const processes = plural(session.worldSize, "process", "processes");
  const times = alike.length === 1 ? "" : `, started anew for each of ${alike.length} cells`;
  return {
    text: `${session.id}: ${processes}${times}`,
    details: [
      ...[...reasons].map(([reason, group]) => `${plural(group.length, "cell")}, ${reason}`),
      session.launch.argv.map(quoteArgument).join(" "),
      ...commandLines(served),
    ],
  };
}

/** What a script's worker starts for each cell. */
function commandLines(cells: readonly PlanCell[]): string[] {
  const strategy = cells[0]?.strategy;
  if (strategy?.use !== "script") return [];
  return [`for each cell: ${strategy.command.map(quoteArgument).join(" ")}`];
}

/** Single quotes around whatever a shell would not take as one plain word. */
function quoteArgument(argument: string): string {
  return /^[\w@%+=:,./{}-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
}
