/**
 * The constants of the speed model: what a device reaches of its data sheet, and what the host spends on a kernel, a
 * step and a load. One file per kind of device in data/calibration; what a kind has not measured, and all of a kind
 * without a file, comes from `datasheet.json`, with wider intervals.
 */
import type { TracedSpec } from "../language/pipeline.ts";
import a100 from "./data/calibration/a100-sxm4-80gb.json" with { type: "json" };
import cpu from "./data/calibration/cpu.json" with { type: "json" };
import datasheet from "./data/calibration/datasheet.json" with { type: "json" };
import h100 from "./data/calibration/h100-sxm5-80gb.json" with { type: "json" };
import h200 from "./data/calibration/h200-sxm5-141gb.json" with { type: "json" };
import type { Fact } from "./facts.ts";
import type { Device, Stack } from "./types.ts";

/** Constants that hold for every strategy. */
export interface SpeedConstants {
  /** Part of the data-sheet bandwidth that elementwise kernels and copies reach. */
  readonly copyEfficiency: number;
  /** Cycles of one multiprocessor for which a kernel works on one element whose place it computes. */
  readonly placeCycles: number;
  /** Part of the bandwidth that matrix products with few rows reach, which read weights above all. */
  readonly weightReadEfficiency: number;
  /** Time of products with int8 matrices, as a multiple of what their bytes and FLOPs would take in float16. */
  readonly int8Factor: number;
  /** Part of the data-sheet FLOP/s that large matrix products reach. */
  readonly flopsEfficiency: number;
  /** Part of the bandwidth that eager attention reaches where each query is a single token. */
  readonly singleQueryEfficiency: number;
  /** Least time that a kernel takes on the device. */
  readonly kernelSeconds: number;
  /** What each kernel of a replayed graph takes beside its bytes and FLOPs. */
  readonly replayedKernelSeconds: number;
  /** Part of the data-sheet bandwidth that attention of a replayed step reaches, where each head has keys of its own, */
  readonly replayedAttentionEfficiency: number;
  /** and where several share them. */
  readonly replayedGroupedAttentionEfficiency: number;
  /** and where there is no kernel for attention, but one product reads the keys and another the values. */
  readonly replayedUnfusedAttentionEfficiency: number;
  /** Host time of one eager kernel. */
  readonly launchSeconds: number;
  /** Host time of one collective beside that of its kernel: Python above the communication library. */
  readonly collectiveSeconds: number;
  /** Host time of one generated token outside the forward pass, while the device waits. */
  readonly stepSeconds: number;
  /** Host time from the call of `generate` to its first pass: configurations, caches and processors of logits. */
  readonly generateSeconds: number;
  /** What it takes the allocator, for each byte, to return what it caches to the driver and to take it anew. */
  readonly returnSecondsPerByte: number;
  /** Fixed cost of one operation over a link: a collective's start. */
  readonly linkLatencySeconds: number;
  /** Part of the host link that copies from pinned memory reach on one rank, with what the host does between them. */
  readonly pinnedLinkEfficiency: number;
  /** Part of it that a plain copy from pinned memory reaches. */
  readonly pinnedCopyEfficiency: number;
  /** Rate of copies from memory that is not pinned. */
  readonly pageableBytesPerSecond: number;
  /** Rate at which one rank fills memory of its own on the host with weights: each page is new to it. */
  readonly offloadBytesPerSecond: number;
  /** What all ranks of a node together read of files that one of them has read already. */
  readonly sharedReadBytesPerSecond: number;
}

/** Constants of one strategy. */
export interface StrategySpeed {
  /** Host time that the strategy's Python hooks add to the call of one module. */
  readonly moduleHookSeconds: number;
  /** Host time that they spend on one parameter of a module: gathering it, waiting for it, dropping it. */
  readonly parameterHookSeconds: number;
  /** Part of the rate between devices that the strategy's transfers reach. */
  readonly deviceLinkEfficiency: number;
  readonly importSeconds: number;
  /** Fixed part of loading behind the imports: context, process groups, building the model. */
  readonly setupSeconds: number;
  /** Rate at which one rank turns files into weights. */
  readonly readBytesPerSecond: number;
  /** Rate at which one rank cuts whole tensors into its part. */
  readonly cutBytesPerSecond: number;
}

/** In 90 % of cases a measurement lies within mid / factor .. mid x factor of these parts of a time. */
export interface SpeedSpread {
  readonly host: number;
  readonly device: number;
  /** Of the device, where weights are int8: nobody measured the kernels of their libraries. */
  readonly int8: number;
  /** Of the device, where steps are replayed as a graph. */
  readonly graph: number;
  /** Of the time to return memory and take it anew. */
  readonly returned: number;
  readonly load: number;
  readonly import: number;
}

/** Everything that the speed model must be told about a kind of device. */
export interface SpeedCalibration extends SpeedConstants, StrategySpeed {
  readonly spread: SpeedSpread;
  /** The file that the device's own constants came from; `gpu` for a data sheet. */
  readonly measuredOn: string;
}

type Facts<T> = { readonly [K in keyof T]?: Fact };
type ByStrategy = Readonly<Record<TracedSpec["use"], number>>;

/** Constants that a file, or an era within it, replaces. */
interface CalibrationPart {
  readonly constants: Facts<SpeedConstants>;
  readonly byStrategy: {
    readonly [K in keyof StrategySpeed]?: Omit<Fact, "value"> & { readonly values: ByStrategy };
  };
  readonly spread: Facts<SpeedSpread>;
}

/** One file of data/calibration. */
export interface CalibrationFile extends CalibrationPart {
  readonly formatVersion: string;
  readonly kind: string;
  /** Kind whose constants hold where this one has none of its own. */
  readonly basedOn?: string;
  readonly notes?: string;
  /** What differs with old libraries and their hosts. */
  readonly eras?: readonly (CalibrationPart & { readonly torch: string })[];
}

/** Every file that ships. */
export const CALIBRATION_FILES: readonly CalibrationFile[] = [a100, cpu, datasheet, h100, h200];

/** The calibration of that kind; undefined where nobody measured it. */
export function calibrationFile(kind: string): CalibrationFile | undefined {
  return CALIBRATION_FILES.find((file) => file.kind === kind);
}

/** Files in the order in which they replace each other's constants. */
function layers(kind: string): CalibrationFile[] {
  const file = calibrationFile(kind);
  if (file === undefined) return [];
  return [...file.basedOn === undefined ? [] : layers(file.basedOn), file];
}

/**
 * Speed constants of a kind of device under a stack.
 *
 * @param own A calibration to use instead of the one that ships for its kind.
 */
export function speedCalibration(
  device: Pick<Device, "kind">,
  stack: Stack,
  use: TracedSpec["use"],
  own?: CalibrationFile,
): SpeedCalibration {
  const files = own?.kind === device.kind
    ? [...layers(own.basedOn ?? ""), own]
    : layers(device.kind);
  const torchMajor = Number.parseInt(stack.versions["torch"] ?? "", 10);
  const parts = [datasheet as CalibrationFile, ...files].flatMap((file): CalibrationPart[] => [
    file,
    ...(file.eras ?? []).filter(({ torch }) => torchMajor < Number(torch.slice(1))),
  ]);
  return {
    ...merged(parts.map(({ constants }) => numbers(constants))) as SpeedConstants,
    ...merged(parts.map(({ byStrategy }) => numbersOf(byStrategy, use))) as StrategySpeed,
    spread: merged(parts.map(({ spread }) => numbers(spread))) as SpeedSpread,
    measuredOn: files.at(-1)?.kind ?? "gpu",
  };
}

function merged(parts: readonly Readonly<Record<string, number>>[]): unknown {
  return Object.assign({}, ...parts);
}

function numbers(facts: Readonly<Record<string, Fact | undefined>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(facts).flatMap(([name, fact]) => fact === undefined ? [] : [[name, fact.value]]),
  );
}

function numbersOf(
  facts: CalibrationPart["byStrategy"],
  use: TracedSpec["use"],
): Record<string, number> {
  return Object.fromEntries(
    Object.entries(facts).flatMap(([name, fact]) =>
      fact === undefined ? [] : [[name, fact.values[use]]]
    ),
  );
}
