/** What the time interpreter is told: the rates of one device and its host, in plain seconds and bytes. */
import type { SpeedCalibration } from "../catalog/speed_calibration.ts";
import type { Hardware } from "../catalog/types.ts";
import type { Dtype } from "../language/pipeline.ts";

/** Rates that the hardware reaches, not those of its data sheet. */
export interface Rates {
  readonly copyBytesPerSecond: number;
  /** What it takes a kernel to compute where one element lies. */
  readonly placeSeconds: number;
  readonly weightBytesPerSecond: number;
  readonly flopsPerSecond: number;
  /** Of eager attention whose queries are single tokens. */
  readonly singleQueryBytesPerSecond: number;
  /** Keys and values that attention of a replayed step reads: of heads with their own, and of heads that share. */
  readonly replayedAttentionBytesPerSecond: number;
  readonly replayedGroupedAttentionBytesPerSecond: number;
  /** The same where a product of its own reads the keys, and another the values. */
  readonly replayedUnfusedAttentionBytesPerSecond: number;
  /** What each kernel of a replayed graph takes beside its work. */
  readonly replayedKernelSeconds: number;
  /** Least time of a kernel on the device. */
  readonly kernelSeconds: number;
  /** Whether the host computes itself, so that nothing runs ahead of anything. */
  readonly hostIsDevice: boolean;
  /** Host time of one kernel of the prefill. */
  readonly launchSeconds: number;
  /** Host time of one kernel of a decode step: none where a graph of them is launched as one. */
  readonly decodeLaunchSeconds: number;
  /** Host time of one collective beside that of its kernel. */
  readonly collectiveSeconds: number;
  /** Host time of one forward pass beside its kernels: Python hooks around modules. */
  readonly hookSeconds: number;
  /** Host time of one token outside the forward pass, while the device waits. */
  readonly stepSeconds: number;
  /** Host time from the call of `generate` to its first pass. */
  readonly generateSeconds: number;
  readonly deviceLinkBytesPerSecond: number;
  readonly hostLinkBytesPerSecond: number;
  /** Copies that the host waits for, one by one: such waits are not hidden in their rate. */
  readonly hostCopyBytesPerSecond: number;
  readonly diskBytesPerSecond: number;
  /** Fixed cost of one operation over a link: a collective's start. */
  readonly linkLatencySeconds: number;
  /** A measurement lies within mid / factor .. mid x factor in 90 % of cases; `decode` is that of the device in a step. */
  readonly spread: { readonly host: number; readonly device: number; readonly decode: number };
}

/** A plain NVMe drive, for hardware that does not declare its disk. */
export const DEFAULT_DISK_BYTES_PER_SECOND = 2e9;

/** Memory that an H100 moves while one multiprocessor works for a cycle: for devices whose multiprocessors are not known. */
const BYTES_OF_A_CYCLE = 12.8;

/** What decides the rates beside the hardware. */
export interface RateOptions {
  readonly dtype: Dtype;
  /** Modules that the strategy hooks, and the parameters in them. */
  readonly modules: number;
  readonly parameters: number;
  /** Whether what the host lends to the device is in pinned memory. */
  readonly pinned: boolean;
  /** Whether decode steps replay a graph. */
  readonly graph: boolean;
}

/** Rates of a device under a calibration. */
export function ratesOf(
  { device, diskBytesPerSecond = DEFAULT_DISK_BYTES_PER_SECOND }: Hardware,
  facts: SpeedCalibration,
  { dtype, modules, parameters, pinned, graph }: RateOptions,
): Rates {
  const bandwidth = device.bandwidthBytesPerSecond;
  const flops = device.flops[dtype] ?? device.flops.float32 ?? 0;
  const { launchSeconds } = facts;
  const deviceSpread = Math.max(
    facts.spread.device,
    dtype === "int8" ? facts.spread.int8 : 1,
  );
  const slower = dtype === "int8" ? facts.int8Factor : 1;
  return {
    copyBytesPerSecond: bandwidth * facts.copyEfficiency,
    placeSeconds: device.type === "cpu"
      ? 0
      : facts.placeCycles / (device.multiprocessorHertz ?? bandwidth / BYTES_OF_A_CYCLE),
    weightBytesPerSecond: bandwidth * facts.weightReadEfficiency / slower,
    flopsPerSecond: flops * facts.flopsEfficiency / slower,
    replayedAttentionBytesPerSecond: bandwidth * facts.replayedAttentionEfficiency,
    replayedGroupedAttentionBytesPerSecond: bandwidth * facts.replayedGroupedAttentionEfficiency,
    replayedUnfusedAttentionBytesPerSecond: bandwidth * facts.replayedUnfusedAttentionEfficiency,
    replayedKernelSeconds: facts.replayedKernelSeconds,
    singleQueryBytesPerSecond: bandwidth *
      Math.min(facts.copyEfficiency, facts.singleQueryEfficiency),
    hostIsDevice: device.type === "cpu",
    kernelSeconds: facts.kernelSeconds,
    launchSeconds,
    decodeLaunchSeconds: graph ? 0 : launchSeconds,
    collectiveSeconds: facts.collectiveSeconds,
    hookSeconds: facts.moduleHookSeconds * modules + facts.parameterHookSeconds * parameters,
    stepSeconds: facts.stepSeconds,
    generateSeconds: facts.generateSeconds,
    deviceLinkBytesPerSecond: device.linkBytesPerSecond * facts.deviceLinkEfficiency,
    hostLinkBytesPerSecond: pinned
      ? device.hostLinkBytesPerSecond * facts.pinnedLinkEfficiency
      : facts.pageableBytesPerSecond,
    hostCopyBytesPerSecond: pinned
      ? device.hostLinkBytesPerSecond * facts.pinnedCopyEfficiency
      : facts.pageableBytesPerSecond,
    diskBytesPerSecond,
    linkLatencySeconds: facts.linkLatencySeconds,
    spread: {
      host: facts.spread.host,
      device: deviceSpread,
      decode: graph ? Math.max(deviceSpread, facts.spread.graph) : deviceSpread,
    },
  };
}
