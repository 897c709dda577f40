/** What `ls models`, `ls hardware` and `ls stacks` show. */
import { deviceFacts } from "./devices.ts";
import { nodeFacts } from "./hardware.ts";
import { modelFacts } from "./model_facts.ts";
import { stackFacts } from "./stack.ts";

/** One model of the catalog. */
export interface ModelRow {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly family: string;
  readonly parameters: number;
  /** Dtype of the published weights. */
  readonly dtype: string;
  readonly source: string;
}

/** One node or one kind of device. */
export interface HardwareRow {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly is: "node" | "device";
  /** Number and kind of a node's devices; empty for a device. */
  readonly devices: string;
  /** Memory of one device; null where the pipeline sets it. */
  readonly deviceMemoryBytes: number | null;
  readonly deviceBandwidthBytesPerSecond: number;
  /** Host memory of a node; null for a device. */
  readonly hostMemoryBytes: number | null;
  readonly diskBytesPerSecond: number | null;
  /** Where the memory is from: of the host for a node, of the device for a device. */
  readonly source: string;
}

/** One stack. */
export interface StackRow {
  readonly name: string;
  readonly runnable: boolean;
  readonly versions: Readonly<Record<string, string>>;
  readonly installedBytes: number | null;
  readonly notes: string;
}

/** The models of the catalog. */
export function listModels(): ModelRow[] {
  return modelFacts().map((model) => ({
    name: model.name,
    aliases: model.aliases,
    family: String(model.config["model_type"]),
    parameters: model.parameters.value,
    // What from_pretrained loads where a config is silent.
    dtype: String(model.config["torch_dtype"] ?? "float32"),
    source: model.parameters.source,
  }));
}

/** The nodes of the catalog, then the kinds of devices. */
export function listHardware(): HardwareRow[] {
  const devices = deviceFacts();
  const nodeRows = nodeFacts().map((node): HardwareRow => {
    const device = devices.find((candidate) => candidate.kind === node.devices.kind);
    return {
      name: node.name,
      aliases: node.aliases ?? [],
      is: "node",
      devices: `${node.devices.count}x ${node.devices.kind}`,
      deviceMemoryBytes: device?.memoryBytes.value ?? null,
      deviceBandwidthBytesPerSecond: device?.bandwidthBytesPerSecond.value ?? 0,
      hostMemoryBytes: node.memoryBytes.value,
      diskBytesPerSecond: node.diskBytesPerSecond?.value ?? null,
      source: node.memoryBytes.source,
    };
  });
  const deviceRows = devices.map((device): HardwareRow => ({
    name: device.kind,
    aliases: device.aliases ?? [],
    is: "device",
    devices: "",
    deviceMemoryBytes: device.memoryBytes.value,
    deviceBandwidthBytesPerSecond: device.bandwidthBytesPerSecond.value,
    hostMemoryBytes: null,
    diskBytesPerSecond: null,
    source: device.memoryBytes.source,
  }));
  return [...nodeRows, ...deviceRows];
}

/** The stacks of the catalog. */
export function listStacks(): StackRow[] {
  return stackFacts().map((stack) => ({
    name: stack.name,
    runnable: stack.runnable,
    versions: Object.fromEntries(
      Object.entries(stack.versions).filter((pair): pair is [string, string] =>
        pair[1] !== undefined
      ),
    ),
    installedBytes: stack.installedBytes?.value ?? null,
    notes: stack.notes,
  }));
}
