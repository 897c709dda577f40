/**
 * Fits the speed constants of one kind of device to measured cells. Memory has nothing to fit: its bytes follow from what
 * the libraries do.
 */
import type { Fact } from "../catalog/facts.ts";
import type { Stack } from "../catalog/types.ts";
import {
  type CalibrationFile,
  calibrationFile,
  speedCalibration,
} from "../catalog/speed_calibration.ts";
import type { CellSpec, Pipeline, TracedSpec } from "../language/pipeline.ts";
import { configure } from "../plan/configuration.ts";
import type { PlanContext } from "../plan/context.ts";
import type { TimePrediction } from "../plan/prediction.ts";
import { predictTime } from "../plan/predict_time.ts";
import { resolve } from "../plan/resolve.ts";
import type { Placement, StrategyContext } from "../strategy/strategy.ts";
import { fitKnobs, type Knob } from "./fit.ts";
import type { MeasuredCell, MeasuredSet } from "./measured.ts";
import { median } from "./quantile.ts";

/** A new calibration file, and in words what was left out. */
export interface Calibration {
  readonly file: CalibrationFile;
  /** Constants that were fitted, with the values before. */
  readonly changes: readonly {
    readonly name: string;
    readonly before: number;
    readonly after: number;
  }[];
  readonly cells: number;
  readonly problems: readonly string[];
}

/** One cell, ready to be timed under any constants. */
interface Timed {
  readonly cell: CellSpec;
  readonly strategy: TracedSpec;
  readonly placement: Placement;
  readonly context: StrategyContext;
  readonly measured: MeasuredCell["values"];
}

const SHARED = [
  "copyEfficiency",
  "weightReadEfficiency",
  "flopsEfficiency",
  "singleQueryEfficiency",
  "launchSeconds",
  "stepSeconds",
  "linkLatencySeconds",
] as const;

const EFFICIENCIES: readonly string[] = [
  "copyEfficiency",
  "weightReadEfficiency",
  "flopsEfficiency",
  "singleQueryEfficiency",
];

/**
 * Fits the constants of a kind to all measured sets on it.
 *
 * @returns Undefined where no set has measured times on that kind.
 */
export function calibrate(
  kind: string,
  sets: readonly MeasuredSet[],
  context: PlanContext,
): Calibration | undefined {
  const problems: string[] = [];
  const timed = sets.flatMap((set) => readTimed(set, kind, context, problems));
  const [first] = timed;
  if (first === undefined) return undefined;
  const uses = [...new Set(timed.map(({ strategy }) => strategy.use))];
  const stack = first.context.stack;
  const knobs = knobsOf(kind, stack, uses);
  const base = calibrationFile(kind) ?? emptyFile(kind);
  const sources = [...new Set(sets.map(({ source }) => source))].join(", ");
  const source = `fitted by stowage calibrate to ${timed.length} cells of ${sources}`;
  const moved = fitKnobs(knobs, (values) => {
    const own = withValues(base, values, source);
    return timed.flatMap((item) => errorsOf(item, own));
  });
  for (const [name, value] of loadConstants(timed, uses)) moved.set(name, value);
  const file = withSpread(withValues(base, moved, source), timed, source);
  return {
    file,
    cells: timed.length,
    problems,
    changes: [...moved].map(([name, after]) => ({
      name,
      before: knobs.find((knob) => knob.name === name)?.value ?? currentOf(name, kind, stack),
      after,
    })),
  };
}

function readTimed(
  { source, pipeline, cells }: MeasuredSet,
  kind: string,
  context: PlanContext,
  problems: string[],
): Timed[] {
  const { value: resolved } = resolve(pipeline as Pipeline, context);
  if (resolved === undefined) {
    problems.push(`${source}, ${pipeline.name}: it cannot be planned`);
    return [];
  }
  if (resolved.hardware.device.kind !== kind) return [];
  return cells.flatMap(({ cell, values, status }): Timed[] => {
    if (status !== "ok" || values.msPerStep === undefined && values.msPerToken === undefined) {
      return [];
    }
    const { placement, traced, context: own } = configure(cell.strategy, pipeline, resolved);
    if (placement === undefined || traced === undefined) return [];
    return [{ cell, strategy: traced, placement, context: own, measured: values }];
  });
}

function timeOf(
  { cell, strategy, placement, context }: Timed,
  calibration: CalibrationFile,
): TimePrediction {
  return predictTime(placement, cell, { ...context, calibration }, strategy).time;
}

/** Errors of the steps. A prefill is measured once, and is the first to ask the driver for memory: it teaches nothing. */
function errorsOf(item: Timed, calibration: CalibrationFile): number[] {
  const { msPerStep, msPerToken } = timeOf(item, calibration);
  const [measured, predicted] = item.measured.msPerStep === undefined
    ? [item.measured.msPerToken, msPerToken.mid]
    : [item.measured.msPerStep, msPerStep.mid];
  return (measured ?? []).map((value) => Math.abs(Math.log(predicted / value)));
}

function knobsOf(kind: string, stack: Stack, uses: readonly TracedSpec["use"][]): Knob[] {
  const facts = speedCalibration({ kind }, stack, uses[0] ?? "accelerate");
  const shared = SHARED.map((name) => ({
    name,
    value: facts[name],
    ...(EFFICIENCIES.includes(name) ? { most: 1 } : {}),
  }));
  const hooks = uses.map((use) => ({
    name: `moduleHookSeconds.${use}`,
    value: speedCalibration({ kind }, stack, use).moduleHookSeconds,
  }));
  return [...shared, ...hooks];
}

function currentOf(name: string, kind: string, stack: Stack): number {
  const [constant = "", use = "accelerate"] = name.split(".");
  const facts = speedCalibration({ kind }, stack, use as TracedSpec["use"]);
  const value: unknown = facts[constant as keyof typeof facts];
  return typeof value === "number" ? value : 0;
}

/** What loading takes besides the bytes: medians, for it is measured as it is. */
function loadConstants(
  timed: readonly Timed[],
  uses: readonly TracedSpec["use"][],
): [string, number][] {
  return uses.flatMap((use) => {
    const values = timed.filter(({ cell }) => cell.strategy.use === use)
      .flatMap(({ measured }) => measured.importSeconds ?? []);
    return values.length === 0
      ? []
      : [[`importSeconds.${use}`, median(values)] as [string, number]];
  });
}

function emptyFile(kind: string): CalibrationFile {
  return { formatVersion: "1.0", kind, constants: {}, byStrategy: {}, spread: {} };
}

/** A file with constants replaced; `name.use` is the constant of one strategy. */
function withValues(
  file: CalibrationFile,
  values: ReadonlyMap<string, number>,
  source: string,
): CalibrationFile {
  const constants: Record<string, Fact> = { ...file.constants };
  const byStrategy: Record<string, { values: Record<string, number>; source: string }> = {};
  for (const [name, fact] of Object.entries(file.byStrategy)) {
    byStrategy[name] = { values: { ...fact.values }, source: fact.source };
  }
  for (const [name, value] of values) {
    const [constant = "", use] = name.split(".");
    if (use === undefined) {
      constants[constant] = { value, source };
      continue;
    }
    const known = byStrategy[constant];
    const others = known?.values ?? Object.fromEntries(
      (["accelerate", "ds-inference", "ds-zero"] as const).map((each) => [
        each,
        currentOf(`${constant}.${each}`, file.kind, { name: "", versions: {}, runnable: true }),
      ]),
    );
    byStrategy[constant] = { values: { ...others, [use]: value }, source };
  }
  return {
    ...file,
    constants: constants as CalibrationFile["constants"],
    byStrategy: byStrategy as CalibrationFile["byStrategy"],
  };
}

/** Fewer errors than this say nothing of a 90 % interval. */
const LEAST_FOR_SPREAD = 8;

/** The factor that nine of ten measurements lie within, for launch-bound steps and for others. */
function withSpread(
  file: CalibrationFile,
  timed: readonly Timed[],
  source: string,
): CalibrationFile {
  const spread: Record<string, Fact> = { ...file.spread };
  const errors = timed.flatMap((item) => {
    const [measured] = item.measured.msPerStep ?? [];
    if (measured === undefined) return [];
    const time = timeOf(item, file);
    return [{
      isHost: time.bound === "launches",
      error: Math.abs(Math.log(time.msPerStep.mid / measured)),
    }];
  });
  for (const [name, isHost] of [["host", true], ["device", false]] as const) {
    const own = errors.filter((each) => each.isHost === isHost).map(({ error }) => error);
    if (own.length < LEAST_FOR_SPREAD) continue;
    const sorted = own.toSorted((a, b) => a - b);
    const ninth = sorted[Math.ceil(0.9 * sorted.length) - 1] ?? 0;
    const value = Math.max(1.05, Math.exp(ninth));
    // One machine does not show how machines differ.
    const before = file.spread[name]?.value ?? 0;
    if (name === "host" && value < before) continue;
    spread[name] = { value, source: `nine of ten steps: ${source}` };
  }
  return { ...file, spread: spread as CalibrationFile["spread"] };
}
