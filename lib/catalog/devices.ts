/** Kinds of devices, by name. */
import data from "./data/gpus.json" with { type: "json" };
import type { DeviceFact } from "./facts.ts";
import type { Device } from "./types.ts";

const FACTS: readonly DeviceFact[] = data.devices;

/** Host link of a device that a pipeline spells out, which has no key for it. */
export const DEFAULT_HOST_LINK_BYTES_PER_SECOND: number =
  data.defaults.hostLinkBytesPerSecond.value;

/** Every device with the sources of its numbers, in catalog order. */
export function deviceFacts(): readonly DeviceFact[] {
  return FACTS;
}

/**
 * The device of that kind, alias or product name, compared without regard to case; a space counts as a dash, so that
 * `RTX 4090` is found as well.
 */
export function findDevice(kind: string): Device | undefined {
  const wanted = spelling(kind);
  const fact = FACTS.find(({ kind, aliases = [], productNames }) =>
    [kind, ...aliases, ...productNames].some((name) => spelling(name) === wanted)
  );
  return fact === undefined ? undefined : toDevice(fact);
}

function spelling(name: string): string {
  return name.toLowerCase().replaceAll(" ", "-");
}

/** The device whose name nvidia-smi (or `torch.cuda.get_device_name`) prints. */
export function findDeviceByProductName(productName: string): Device | undefined {
  const fact = FACTS.find((candidate) => candidate.productNames.includes(productName.trim()));
  return fact === undefined ? undefined : toDevice(fact);
}

function toDevice(fact: DeviceFact): Device {
  return {
    kind: fact.kind,
    type: fact.type === "cpu" ? "cpu" : "gpu",
    memoryBytes: fact.memoryBytes.value,
    bandwidthBytesPerSecond: fact.bandwidthBytesPerSecond.value,
    flops: fact.flops.values as Device["flops"],
    ...(fact.multiprocessors === undefined
      ? {}
      : { multiprocessorHertz: fact.multiprocessors.count * fact.multiprocessors.hertz }),
    linkBytesPerSecond: fact.linkBytesPerSecond.value,
    hostLinkBytesPerSecond: fact.hostLinkBytesPerSecond.value,
  };
}
