/** Where accelerate puts the weights: one process, modules spread over devices by a device map. */
import { memoryCalibration } from "../../catalog/calibration.ts";
import { type Diagnostic, hasErrors, type Outcome } from "../../diagnostics/diagnostic.ts";
import {
  modulesWithoutDevice,
  offloadNeedsFolder,
  severalNodes,
  unknownDevices,
} from "../../diagnostics/messages/plan.ts";
import type { AccelerateSpec } from "../../language/pipeline.ts";
import { namedParameters } from "../../model/module.ts";
import { elements, HOST } from "../../trace/trace.ts";
import { weightElementBytes } from "../parallel.ts";
import { quantizationProblems } from "../quantization.ts";
import { DTYPE_BYTES, type StrategyContext } from "../strategy.ts";
import {
  balancedMemory,
  type DeviceMap,
  inferDeviceMap,
  type MaxMemory,
  type Place,
  placeOf,
} from "./device_map.ts";

/** One parameter tensor and where it is kept. */
export interface PlacedWeight {
  readonly name: string;
  /** Full name of the module that owns it. */
  readonly module: string;
  readonly bytes: number;
  readonly place: Place;
}

export interface AccelerateLayout {
  readonly map: DeviceMap;
  readonly weights: readonly PlacedWeight[];
  /** What runs the modules that are offloaded, and where the ids live: the map's first GPU, without one the host. */
  readonly mainDevice: number;
}

/** Computes the device map and lists every weight with its place. */
export function placeAccelerate(
  spec: AccelerateSpec,
  context: StrategyContext,
): Outcome<AccelerateLayout> {
  const diagnostics: Diagnostic[] = [...quantizationProblems(spec, context)];
  if (context.hardware.nodes > 1) diagnostics.push(severalNodes({ use: spec.use }));
  const map = deviceMap(spec, context);
  diagnostics.push(...checkDevices(spec, context, map));
  const weights: PlacedWeight[] = [];
  const left = new Set<string>();
  for (const named of namedParameters(context.root)) {
    const { name, parameter } = named;
    const module = name.slice(0, name.lastIndexOf("."));
    const place = placeOf(map, name);
    if (place === undefined) left.add(module);
    if (place === undefined || parameter.tiedTo !== undefined) continue;
    const bytes = elements(parameter.shape) * weightElementBytes(named, spec.dtype);
    weights.push({ name, module, place, bytes });
  }
  const [module] = left;
  if (module !== undefined) {
    const at = { path: ["deviceMap"] };
    diagnostics.push(modulesWithoutDevice({ module, count: left.size }, at));
  }
  if (weights.some(({ place }) => place === "disk") && spec.offloadFolder === undefined) {
    diagnostics.push(offloadNeedsFolder({}, { path: ["offloadFolder"] }));
  }
  if (hasErrors(diagnostics)) return { diagnostics };
  const mainDevice = [...map.values()].find((place) => typeof place === "number") ?? HOST;
  return { value: { map, weights, mainDevice }, diagnostics };
}

/** Devices that the strategy names must be there. */
function checkDevices(
  spec: AccelerateSpec,
  { hardware }: StrategyContext,
  map: DeviceMap,
): Diagnostic[] {
  if (hardware.device.type === "cpu") return [];
  const available = hardware.deviceCount;
  const isWritten = typeof spec.deviceMap === "object";
  const places: Place[] = isWritten
    ? [...map.values()]
    : Object.keys(spec.maxMemory ?? {}).map(readPlace);
  const devices = places.filter((place): place is number =>
    typeof place === "number" && place >= available
  );
  if (devices.length === 0) return [];
  const path = [isWritten ? "deviceMap" : "maxMemory"];
  return [unknownDevices({ devices: [...new Set(devices)], available }, { path })];
}

function deviceMap(spec: AccelerateSpec, context: StrategyContext): DeviceMap {
  if (context.hardware.device.type === "cpu") return new Map([["", 0]]);
  if (typeof spec.deviceMap === "object") return explicitMap(spec.deviceMap);
  // With load_in_8bit the map counts a byte for every element, whatever is left alone.
  const elementBytes = DTYPE_BYTES[spec.dtype];
  const { root, family } = context;
  const available = maxMemory(spec, context);
  const capped = spec.deviceMap === "sequential" ? available : balancedMemory(
    root,
    elementBytes,
    family.noSplitClasses,
    available,
    {
      lowZero: spec.deviceMap === "balanced_low_0",
      userSetMaxMemory: spec.maxMemory !== undefined,
    },
  );
  return inferDeviceMap(root, elementBytes, family.noSplitClasses, capped);
}

function explicitMap(map: Readonly<Record<string, string | number>>): DeviceMap {
  return new Map(Object.entries(map).map(([module, place]) => [module, readPlace(place)]));
}

/** `cpu`, `disk`, `cuda:1` or `1`. */
function readPlace(place: string | number): Place {
  if (place === "cpu" || place === "disk") return place;
  return Number(String(place).replace(/^cuda:/, ""));
}

/** `get_max_memory`: what the user says, else what is free of each GPU, and the host's memory. */
function maxMemory(spec: AccelerateSpec, context: StrategyContext): MaxMemory {
  const { hardware, stack } = context;
  if (spec.maxMemory !== undefined) {
    return new Map(
      Object.entries(spec.maxMemory).map(([place, bytes]) => [readPlace(place), bytes]),
    );
  }
  // What the driver has free when a context is there: a cap on PyTorch's allocator does not show in it.
  const { memoryBytes } = hardware.device;
  const free = memoryBytes === null
    ? Infinity
    : Math.max(0, memoryBytes - memoryCalibration(stack).cudaContextBytes);
  const gpus = Array.from(
    { length: hardware.deviceCount },
    (_, index): [Place, number] => [index, free],
  );
  return new Map([...gpus, ["cpu", hardware.memoryBytes ?? Infinity]]);
}
