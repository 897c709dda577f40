/** The lines above every table: what was asked, on what, with which versions. */
import type { Plan, PlanCell } from "../plan/plan.ts";
import { DEFAULT_DISK_BYTES_PER_SECOND } from "../speed/rates.ts";
import { formatBytes, formatCount, formatRate, plural } from "./bytes.ts";
import { groupBy } from "./pivot.ts";

/** The parts of a plan that a header shows; results have them too. */
export type HeaderSource = Pick<
  Plan,
  "pipeline" | "model" | "hardware" | "stack" | "budget" | "benchmark" | "execution"
>;

const DTYPE_BYTES: Readonly<Record<string, number>> = {
  float32: 4,
  float16: 2,
  bfloat16: 2,
  int8: 1,
};

/** Name and value of each line. */
export function headerFacts(
  source: HeaderSource,
  cells: readonly PlanCell[],
): (readonly [string, string])[] {
  return [
    ["model", modelText(source, cells)],
    ["hardware", hardwareText(source)],
    ["stack", stackText(source)],
    ["workload", workloadText(source, cells)],
    ...budgetFacts(source),
    ...executionFacts(source),
  ];
}

function modelText({ model }: HeaderSource, cells: readonly PlanCell[]): string {
  const sizes = groupBy(
    [...new Set(cells.map((cell) => cell.strategy.dtype))],
    (dtype) => formatBytes(model.parameters * (DTYPE_BYTES[dtype] ?? 0)),
  );
  const weights = [...sizes].map(([size, dtypes]) => `${size} in ${dtypes.join(" and ")}`);
  const kind = model.weights === "files" ? "" : `, ${model.weights} weights`;
  return [`${model.name}, ${formatCount(model.parameters)} parameters`, ...weights].join(", ") +
    kind;
}

function hardwareText({ hardware, model }: HeaderSource): string {
  const { count, kind, capacityBytes } = hardware.devices;
  const capacity = capacityBytes === null ? "" : ` (${formatBytes(capacityBytes)} each)`;
  const parts = [`${plural(hardware.nodes, "node")} of ${count}x ${kind}${capacity}`];
  if (hardware.memoryBytes !== undefined) {
    parts.push(`${formatBytes(hardware.memoryBytes)} of host memory`);
  }
  if (hardware.diskBytesPerSecond !== undefined) {
    parts.push(`disk ${formatRate(hardware.diskBytesPerSecond)}`);
  } else if (kind !== "cpu" && model.weights !== "on-device") {
    // What a pipeline leaves out decides how long its loads are told to take.
    parts.push(`disk ${formatRate(DEFAULT_DISK_BYTES_PER_SECOND)} assumed`);
  }
  const name = hardware.name === undefined ? "" : `${hardware.name}, `;
  return name + parts.join(", ");
}

function stackText({ stack }: HeaderSource): string {
  const versions = Object.entries(stack.versions).map(([name, version]) => `${name} ${version}`);
  return `${stack.name}${stack.runnable ? "" : " (predict only)"}: ${versions.join(", ")}`;
}

function workloadText({ benchmark }: HeaderSource, cells: readonly PlanCell[]): string {
  const prompts = [...new Set(cells.map((cell) => cell.promptTokens))].join("/");
  const news = [...new Set(cells.map((cell) => cell.newTokens))].join("/");
  return `${prompts} prompt tokens, ${news} new tokens; ${benchmark.warmup} warm-up, ` +
    `${benchmark.cycles} timed`;
}

function budgetFacts({ budget }: HeaderSource): (readonly [string, string])[] {
  const parts: string[] = [];
  if (budget.deviceBytes !== undefined) parts.push(`${formatBytes(budget.deviceBytes)} per device`);
  if (budget.hostBytes !== undefined) parts.push(`${formatBytes(budget.hostBytes)} per host`);
  return parts.length === 0 ? [] : [["budget", parts.join(", ")]];
}

function executionFacts({ execution }: HeaderSource): (readonly [string, string])[] {
  const sessions = execution?.sessions ?? 1;
  return sessions === 1 ? [] : [["execution", `up to ${sessions} sessions side by side`]];
}
