/** What `lib/workers/_calibrate` printed of a host, and the constants of the speed model that it comes to. */
import * as z from "zod";
import type { Fact } from "../catalog/facts.ts";
import type { CalibrationFile } from "../catalog/speed_calibration.ts";
import type { Device } from "../catalog/types.ts";
import type { CellSpec } from "../language/pipeline.ts";
import { predictCells } from "../plan/predict_cells.ts";
import type { PlanContext } from "../plan/context.ts";
import { pipelineFor } from "./pipelines.ts";

const rate = z.number().positive();
const collective = z.union([
  z.looseObject({ error: z.string(), log: z.array(z.string()).optional() }),
  z.looseObject({
    world: z.number().int().min(2),
    sizes: z.object({
      allReduceSeconds: z.record(z.string(), rate),
      allGatherSeconds: z.record(z.string(), rate),
    }),
  }),
]);

/** The report; what the constants do not need is kept as it is. */
export const deviceReportSchema = z.looseObject({
  formatVersion: z.string().regex(/^1\./),
  device: z.string().min(1),
  devices: z.number().int().min(1),
  versions: z.record(z.string(), z.string()),
  imports: z.record(z.string(), z.number().nullable()),
  launcherSeconds: z.number().nullable(),
  rates: z.looseObject({
    copyBytesPerSecond: rate,
    weightReadBytesPerSecond: z.record(z.string(), rate),
    flops: z.record(z.string(), rate),
    hostToDevicePinnedBytesPerSecond: rate,
    hostToDevicePageableBytesPerSecond: rate,
  }),
  costs: z.looseObject({ kernelSeconds: rate }),
  steps: z.array(z.looseObject({
    family: z.string(),
    config: z.record(z.string(), z.union([z.string(), z.number()])),
    secondsPerStep: rate,
  })).min(1),
  collective: collective.optional(),
  seconds: z.number(),
});

/** What the GPU host said. */
export type DeviceReport = z.infer<typeof deviceReportSchema>;

/**
 * Part of the rate of a plain copy that ZeRO-Inference reaches, whose parameters come one by one: 31.8 of 53.9 GB/s from
 * pinned memory, 5.8 of 6.5 GB/s from other (bloom-7b1 on an H100).
 */
const ZERO_PART = { pinned: 0.59, pageable: 0.89 } as const;

/** Prompt, new tokens and batch of the step that was measured. */
const STEP = { batchSize: 1, promptTokens: 8, newTokens: 40 } as const;

/**
 * The constants of that host's devices, each with where and when it was measured. What a kernel takes at least stays: that
 * of the report does next to nothing, the smallest of a model are norms, which take longer.
 */
export function calibrationOfReport(
  report: DeviceReport,
  device: Device,
  date: string,
  context: PlanContext,
): CalibrationFile {
  const versions = Object.entries(packagesOf(report)).map(([name, version]) =>
    `${name} ${version}`
  );
  const source = `measured by stowage calibrate --device on ${date}: ${report.device}, ` +
    versions.join(", ");
  const { rates } = report;
  const bandwidth = device.bandwidthBytesPerSecond;
  const flops = device.flops.bfloat16 ?? device.flops.float16;
  const measuredFlops = rates.flops["bfloat16"] ?? rates.flops["float16"];
  const values: Record<string, number | undefined> = {
    copyEfficiency: rates.copyBytesPerSecond / bandwidth,
    weightReadEfficiency: (rates.weightReadBytesPerSecond["8"] ?? rates.copyBytesPerSecond) /
      bandwidth,
    flopsEfficiency: flops === undefined || measuredFlops === undefined
      ? undefined
      : measuredFlops / flops,
    launchSeconds: launchSeconds(report, device, context),
    pinnedLinkEfficiency: ZERO_PART.pinned * rates.hostToDevicePinnedBytesPerSecond /
      device.hostLinkBytesPerSecond,
    pinnedCopyEfficiency: rates.hostToDevicePinnedBytesPerSecond / device.hostLinkBytesPerSecond,
    pageableBytesPerSecond: ZERO_PART.pageable * rates.hostToDevicePageableBytesPerSecond,
  };
  const facts = Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, { value, source }] as [string, Fact]]
  );
  return {
    formatVersion: "1.0",
    kind: device.kind,
    basedOn: device.kind,
    constants: Object.fromEntries([...facts, ...linkFacts(report, source)]),
    byStrategy: {
      importSeconds: { values: importSeconds(report), source },
      ...linkEfficiency(report, device, source),
    },
    spread: {},
  };
}

/** Versions of what a stack is made of. */
function packagesOf({ versions }: DeviceReport): Readonly<Record<string, string>> {
  const { python: _, ...packages } = versions;
  return packages;
}

/** The launcher of DeepSpeed imports what it needs twice, before the workers import it once more. */
function importSeconds({ imports, launcherSeconds }: DeviceReport) {
  const all = Object.values(imports).reduce<number>((sum, seconds) => sum + (seconds ?? 0), 0);
  const own = all - (imports["deepspeed"] ?? 0);
  const launched = all + 2 * (launcherSeconds ?? 0);
  return { accelerate: own, "ds-inference": launched, "ds-zero": launched };
}

/**
 * Host time of one kernel, from a step of the families that were measured: the speed model's own step is a line in this
 * constant, because nothing else counts in a model so small.
 */
function launchSeconds(
  report: DeviceReport,
  device: Device,
  context: PlanContext,
): number | undefined {
  const packages = packagesOf(report);
  const found = report.steps.flatMap(({ config, secondsPerStep }) => {
    const at = (value: number) => stepSeconds(config, packages, device, value, context);
    const [low, high] = [at(1e-5), at(1e-4)];
    if (low === undefined || high === undefined) return [];
    const perLaunch = (high - low) / 9e-5;
    return [1e-5 + (secondsPerStep - low) / perLaunch];
  }).filter((seconds) => seconds > 0);
  if (found.length === 0) return undefined;
  return Math.exp(found.reduce((sum, seconds) => sum + Math.log(seconds), 0) / found.length);
}

function stepSeconds(
  config: Readonly<Record<string, string | number>>,
  versions: Readonly<Record<string, string>>,
  device: Device,
  launch: number,
  context: PlanContext,
): number | undefined {
  const pipeline = pipelineFor("calibration", {
    model: { name: "calibration", config, weights: "on-device" },
    hardware: { nodes: 1, devices: { count: 1, kind: device.kind } },
    stack: { versions },
  });
  const cell: CellSpec = {
    id: "step",
    strategyIndex: 0,
    axes: {},
    ...STEP,
    strategy: {
      use: "accelerate",
      name: "accelerate",
      dtype: "bfloat16",
      attention: "eager",
      cache: "dynamic",
      allocator: "native",
      decode: "eager",
      deviceMap: "auto",
    },
  };
  const calibration: CalibrationFile = {
    formatVersion: "1.0",
    kind: device.kind,
    basedOn: device.kind,
    constants: { launchSeconds: { value: launch, source: "tried" } },
    byStrategy: {},
    spread: {},
  };
  const { value } = predictCells(pipeline, [cell], {
    ...context,
    findLargestBatch: false,
    calibrationOf: () => calibration,
  });
  const time = value?.get(cell.id)?.time;
  return time ? time.msPerStep.mid / 1000 : undefined;
}

type Measured = Extract<NonNullable<DeviceReport["collective"]>, { world: number }>;

function measuredCollective({ collective }: DeviceReport): Measured | undefined {
  return collective !== undefined && "sizes" in collective ? collective as Measured : undefined;
}

/** Sizes of the smallest and of the largest collective that was measured. */
function ends(seconds: Readonly<Record<string, number>>): [small: number, large: number] {
  const sizes = Object.keys(seconds).map(Number);
  return [Math.min(...sizes), Math.max(...sizes)];
}

function linkFacts(report: DeviceReport, source: string): [string, Fact][] {
  const found = measuredCollective(report);
  if (found === undefined) return [];
  const { allReduceSeconds } = found.sizes;
  const value = allReduceSeconds[String(ends(allReduceSeconds)[0])];
  return value === undefined ? [] : [["linkLatencySeconds", { value, source }]];
}

/** A ring sends 2 (n - 1) / n of what it sums from each rank, and (n - 1) times the part of a rank that it gathers. */
function linkEfficiency(report: DeviceReport, device: Device, source: string) {
  const found = measuredCollective(report);
  if (found === undefined) return {};
  const { world, sizes: { allReduceSeconds, allGatherSeconds } } = found;
  const reached = (seconds: Readonly<Record<string, number>>, factor: number) => {
    const [, size] = ends(seconds);
    return factor * size / (seconds[String(size)] ?? Infinity) / device.linkBytesPerSecond;
  };
  const summed = reached(allReduceSeconds, 2 * (world - 1) / world);
  const gathered = reached(allGatherSeconds, world - 1);
  const values = { accelerate: summed, "ds-inference": summed, "ds-zero": gathered };
  return { deviceLinkEfficiency: { values, source } };
}
