/** Resolves the `hardware` block: catalog names to numbers, and numbers that the pipeline gives over them. */
import type { Diagnostic, Outcome, ValuePath } from "../diagnostics/diagnostic.ts";
import {
  budgetAboveDevice,
  incompleteDevice,
  unknownDevice,
  unknownHardware,
} from "../diagnostics/messages/catalog.ts";
import { suggest } from "../diagnostics/suggest.ts";
import type { BudgetSpec, DevicesSpec, HardwareSpec } from "../language/pipeline.ts";
import data from "./data/nodes.json" with { type: "json" };
import { DEFAULT_HOST_LINK_BYTES_PER_SECOND, deviceFacts, findDevice } from "./devices.ts";
import type { NodeFact } from "./facts.ts";
import type { Device, Hardware } from "./types.ts";

const NODES: readonly NodeFact[] = data.nodes;
const HARDWARE_PATH: ValuePath = ["hardware"];
const DEVICES_PATH: ValuePath = ["hardware", "devices"];

/** Every node with the sources of its numbers, in catalog order. */
export function nodeFacts(): readonly NodeFact[] {
  return NODES;
}

/** The node of that name or alias, compared without regard to case. */
export function findNode(name: string): NodeFact | undefined {
  const lowered = name.toLowerCase();
  return NODES.find((node) =>
    [node.name, ...node.aliases ?? []].some((spelling) => spelling.toLowerCase() === lowered)
  );
}

/**
 * Resolves hardware. A `cpu` device holds what `budget.deviceBytes` (or else `devices.memoryBytes`) says, and
 * without either its memory is null; on a GPU the budget is a cap that the plan applies, not its size.
 */
export function resolveHardware(spec: HardwareSpec, budget: BudgetSpec): Outcome<Hardware> {
  if (spec.catalog !== undefined) return resolveNode(spec.catalog, spec, budget);
  if (spec.devices === undefined) {
    return {
      diagnostics: [unknownDevice({ kind: "", suggestion: "cpu" }, { path: HARDWARE_PATH })],
    };
  }
  const device = resolveDevice(spec.devices, budget);
  if (device.value === undefined) return { diagnostics: device.diagnostics };
  return {
    value: {
      nodes: spec.nodes,
      deviceCount: spec.devices.count,
      device: device.value,
      ...(spec.memoryBytes === undefined ? {} : { memoryBytes: spec.memoryBytes }),
      ...(spec.diskBytesPerSecond === undefined
        ? {}
        : { diskBytesPerSecond: spec.diskBytesPerSecond }),
    },
    diagnostics: device.diagnostics,
  };
}

function resolveNode(name: string, spec: HardwareSpec, budget: BudgetSpec): Outcome<Hardware> {
  const node = findNode(name);
  if (node === undefined) {
    // A device alone says nothing of the node around it, so a count has to stand in front.
    const isDevice = name.toLowerCase() === "cpu" || findDevice(name) !== undefined;
    const names = NODES.flatMap((known) => [known.name, ...known.aliases ?? []]);
    const suggestion = isDevice ? `1x ${name}` : suggest(name, names);
    return { diagnostics: [unknownHardware({ name, suggestion }, { path: HARDWARE_PATH })] };
  }
  const { count, kind } = node.devices;
  const device = resolveDevice({ count, kind }, budget);
  if (device.value === undefined) return { diagnostics: device.diagnostics };
  const disk = spec.diskBytesPerSecond ?? node.diskBytesPerSecond?.value;
  return {
    value: {
      name: node.name,
      nodes: spec.nodes,
      deviceCount: count,
      device: device.value,
      memoryBytes: spec.memoryBytes ?? node.memoryBytes.value,
      ...(disk === undefined ? {} : { diskBytesPerSecond: disk }),
      ...(node.diskReaders === undefined ? {} : { diskReaders: node.diskReaders.value }),
    },
    diagnostics: device.diagnostics,
  };
}

function resolveDevice(spec: DevicesSpec, budget: BudgetSpec): Outcome<Device> {
  const known = findDevice(spec.kind);
  const base = known === undefined ? spelledOut(spec) : { value: known, diagnostics: [] };
  if (base.value === undefined) return base;
  const device = withOverrides(base.value, spec, budget);
  const diagnostics: Diagnostic[] = [];
  const { deviceBytes } = budget;
  if (
    deviceBytes !== undefined && device.memoryBytes !== null && deviceBytes > device.memoryBytes
  ) {
    const { kind, memoryBytes } = device;
    diagnostics.push(
      budgetAboveDevice({ kind, budgetBytes: deviceBytes, memoryBytes }, {
        path: ["budget", "device"],
      }),
    );
  }
  return { value: device, diagnostics };
}

function withOverrides(device: Device, spec: DevicesSpec, budget: BudgetSpec): Device {
  const memoryBytes = device.type === "cpu"
    ? budget.deviceBytes ?? spec.memoryBytes ?? null
    : spec.memoryBytes ?? device.memoryBytes;
  return {
    ...device,
    memoryBytes,
    bandwidthBytesPerSecond: spec.bandwidthBytesPerSecond ?? device.bandwidthBytesPerSecond,
    flops: spec.flops === undefined ? device.flops : everyDtype(spec.flops),
    linkBytesPerSecond: spec.linkBytesPerSecond ?? device.linkBytesPerSecond,
  };
}

/** A device that the catalog lacks, from the pipeline's own numbers. */
function spelledOut(spec: DevicesSpec): Outcome<Device> {
  const { kind, memoryBytes, bandwidthBytesPerSecond, flops, linkBytesPerSecond } = spec;
  const given = { memory: memoryBytes, bandwidth: bandwidthBytesPerSecond, flops };
  const missing = Object.keys(given).filter((key) =>
    given[key as keyof typeof given] === undefined
  );
  const place = { path: DEVICES_PATH };
  if (missing.length === 3 && linkBytesPerSecond === undefined) {
    const kinds = deviceFacts().map((fact) => fact.kind);
    return { diagnostics: [unknownDevice({ kind, suggestion: suggest(kind, kinds) }, place)] };
  }
  if (linkBytesPerSecond === undefined && spec.count > 1) missing.push("link");
  if (
    memoryBytes === undefined || bandwidthBytesPerSecond === undefined || flops === undefined ||
    missing.length > 0
  ) {
    return { diagnostics: [incompleteDevice({ kind, missing }, place)] };
  }
  return {
    value: {
      kind,
      type: "gpu",
      memoryBytes,
      bandwidthBytesPerSecond,
      flops: everyDtype(flops),
      linkBytesPerSecond: linkBytesPerSecond ?? DEFAULT_HOST_LINK_BYTES_PER_SECOND,
      hostLinkBytesPerSecond: DEFAULT_HOST_LINK_BYTES_PER_SECOND,
    },
    diagnostics: [],
  };
}

function everyDtype(flops: number): Device["flops"] {
  return { float32: flops, float16: flops, bfloat16: flops, int8: flops };
}
