/**
 * The device map that accelerate computes: `get_balanced_memory` and `infer_auto_device_map` of
 * `accelerate/utils/modeling.py` (1.15.0), over a module tree instead of a real model. Sizes are in bytes.
 */
import { type Module, namedParameters, type Parameter } from "../../model/module.ts";
import { elements } from "../../trace/trace.ts";

/** A device index, `cpu` or `disk`. */
export type Place = number | "cpu" | "disk";

/** Module name to place; a module that is not listed is where its nearest listed parent is. */
export type DeviceMap = ReadonlyMap<string, Place>;

/** `max_memory`: GPUs in index order, then perhaps `cpu`. */
export type MaxMemory = ReadonlyMap<Place, number>;

interface Entry {
  readonly name: string;
  /** Absent for a parameter that stands by itself. */
  readonly module?: Module;
}

const SIZES = new WeakMap<Module, Map<number, ReadonlyMap<string, number>>>();

/** Bytes of every module and parameter by full name, the root being "". */
function moduleSizes(root: Module, elementBytes: number): ReadonlyMap<string, number> {
  let known = SIZES.get(root);
  if (known === undefined) SIZES.set(root, known = new Map());
  let sizes = known.get(elementBytes);
  if (sizes === undefined) known.set(elementBytes, sizes = addUpSizes(root, elementBytes));
  return sizes;
}

function addUpSizes(root: Module, elementBytes: number): ReadonlyMap<string, number> {
  const sizes = new Map<string, number>();
  function add(name: string, bytes: number): void {
    const parts = name.split(".");
    for (let depth = 0; depth <= parts.length; depth++) {
      const prefix = parts.slice(0, depth).join(".");
      sizes.set(prefix, (sizes.get(prefix) ?? 0) + bytes);
    }
  }
  for (const { name, parameter } of namedParameters(root)) {
    // compute_module_sizes walks named_parameters(), which lists a shared parameter once.
    add(name, parameter.tiedTo === undefined ? elements(parameter.shape) * elementBytes : 0);
  }
  // A buffer of float32 counts as what it would be in a smaller dtype.
  for (const { name, shape } of namedBuffers(root)) add(name, elements(shape) * elementBytes);
  return sizes;
}

/** Buffers by full name. */
function* namedBuffers(module: Module, prefix = ""): Generator<Parameter> {
  for (const buffer of module.buffers ?? []) yield { ...buffer, name: prefix + buffer.name };
  for (const child of module.children) yield* namedBuffers(child, `${prefix}${child.name}.`);
}

function children(entry: Entry): Entry[] {
  if (entry.module === undefined) return [];
  const prefix = entry.name === "" ? "" : `${entry.name}.`;
  return [
    ...entry.module.parameters.map((parameter) => ({ name: prefix + parameter.name })),
    ...entry.module.children.map((module) => ({ name: prefix + module.name, module })),
  ];
}

function isWhole(entry: Entry, noSplitClasses: readonly string[]): boolean {
  const module = entry.module;
  return module === undefined || module.children.length === 0 ||
    noSplitClasses.includes(module.className);
}

/** `get_max_layer_size`: the largest module that has no children or must not be split, and all of that size. */
function largestLayer(
  entries: readonly Entry[],
  sizes: ReadonlyMap<string, number>,
  noSplitClasses: readonly string[],
): { bytes: number; names: string[] } {
  let bytes = 0;
  let names: string[] = [];
  const pending = [...entries];
  for (let entry = pending.shift(); entry !== undefined; entry = pending.shift()) {
    if (!isWhole(entry, noSplitClasses)) {
      pending.unshift(...children(entry));
      continue;
    }
    const size = sizes.get(entry.name) ?? 0;
    if (size > bytes) {
      bytes = size;
      names = [];
    }
    if (size === bytes) names.push(entry.name);
  }
  return { bytes, names };
}

/** Caps each GPU but the last so that the layers spread evenly: `get_balanced_memory`. */
export function balancedMemory(
  root: Module,
  elementBytes: number,
  noSplitClasses: readonly string[],
  maxMemory: MaxMemory,
  options: { readonly lowZero: boolean; readonly userSetMaxMemory: boolean },
): MaxMemory {
  const result = new Map(maxMemory);
  const gpus = [...maxMemory.keys()].filter((place): place is number =>
    typeof place === "number" && (maxMemory.get(place) ?? 0) > 0
  ).sort((a, b) => a - b);
  if (gpus.length === 0) return result;
  const lowZero = options.lowZero && gpus.length > 1;
  const first = gpus[0] as number;
  if (gpus.length === 1 && !options.userSetMaxMemory) {
    result.set(first, (result.get(first) ?? 0) * 0.9); // room for buffers
  }
  const sizes = moduleSizes(root, elementBytes);
  const total = sizes.get("") ?? 0;
  const leaves = leafModules({ name: "", module: root });
  const blocks = blockSizes({ name: "", module: root }, sizes, noSplitClasses);
  const meanLeaf = Math.trunc(
    leaves.reduce((sum, name) => sum + (sizes.get(name) ?? 0), 0) / Math.max(leaves.length, 1),
  );
  const buffer = Math.trunc(1.25 * Math.max(0, ...blocks, meanLeaf));
  const perGpu = Math.floor(total / (gpus.length - (lowZero ? 1 : 0))) + buffer;
  for (const gpu of gpus.slice(0, -1)) {
    const cap = result.get(gpu) ?? 0;
    result.set(gpu, lowZero && gpu === 0 ? cap : Math.min(perGpu, cap));
  }
  if (lowZero) {
    const others = gpus.slice(1).reduce((sum, gpu) => sum + (result.get(gpu) ?? 0), 0);
    result.set(0, Math.min(Math.max(0, total - others), result.get(0) ?? 0));
  }
  return result;
}

/** Names of modules without children; one that only shares the parameters of others is not listed. */
function leafModules(entry: Entry): string[] {
  const { name, module } = entry;
  if (module === undefined) return [];
  if (module.children.length > 0) return children(entry).flatMap(leafModules);
  const tensors = [...module.parameters, ...module.buffers ?? []];
  return tensors.some(({ tiedTo }) => tiedTo === undefined) ? [name] : [];
}

/** Size of the first module of each class that must not be split. */
function blockSizes(
  entry: Entry,
  sizes: ReadonlyMap<string, number>,
  noSplitClasses: readonly string[],
): number[] {
  const found = new Map<string, number>();
  function visit(current: Entry): void {
    const className = current.module?.className;
    if (className !== undefined && noSplitClasses.includes(className) && !found.has(className)) {
      found.set(className, sizes.get(current.name) ?? 0);
    }
    children(current).forEach(visit);
  }
  visit(entry);
  return [...found.values()];
}

/** Fills the devices in order, keeping room on the first for the largest layer: `infer_auto_device_map`. */
export function inferDeviceMap(
  root: Module,
  elementBytes: number,
  noSplitClasses: readonly string[],
  maxMemory: MaxMemory,
): DeviceMap {
  const sizes = moduleSizes(root, elementBytes);
  const places: Place[] = [...maxMemory.keys()].filter((place) => place !== "disk");
  places.push("disk");
  const firstGpu = places.find((place) => typeof place === "number");
  const mainDevices: Place[] = firstGpu === undefined ? ["cpu"] : [firstGpu, "cpu"];
  const ties = tiedPairs(root);
  const map = new Map<string, Place>();
  const used = new Map<Place, number>();
  const pending = children({ name: "", module: root });
  let current = 0;
  let largest = largestLayer(pending, sizes, noSplitClasses);
  for (let entry = pending.shift(); entry !== undefined; entry = pending.shift()) {
    const { name } = entry;
    const left = largest.names.filter((other) => other !== name && !other.startsWith(`${name}.`));
    largest = left.length > 0
      ? { bytes: largest.bytes, names: left }
      : largestLayer(pending.filter((other) => other.module), sizes, noSplitClasses);
    const place = places[current] ?? "disk";
    const reserved = mainDevices.includes(place) ? largest.bytes : 0;
    const capacity = place === "disk" ? Infinity : (maxMemory.get(place) ?? 0) - reserved;
    const usedHere = used.get(place) ?? 0;
    const size = sizes.get(name) ?? 0;
    const tied = tiedModules(name, ties, pending);
    const tiedSize = tied.reduce(
      (sum, { module, parameter }) =>
        sum + (sizes.get(module.name) ?? 0) - (sizes.get(parameter) ?? 0),
      size,
    );
    if (usedHere + tiedSize <= capacity) {
      used.set(place, usedHere + tiedSize);
      map.set(name, place);
      for (const { module } of tied) {
        map.set(module.name, place);
        pending.splice(pending.indexOf(module), 1);
      }
      continue;
    }
    const splitTied = tied.find(({ module }) => !isWhole(module, noSplitClasses));
    if (splitTied !== undefined && usedHere + size <= capacity) {
      pending.splice(pending.indexOf(splitTied.module), 1, ...children(splitTied.module));
      pending.unshift(entry);
      largest = largestLayer(pending.filter((other) => other.module), sizes, noSplitClasses);
      continue;
    }
    if (usedHere + size >= capacity && !isWhole(entry, noSplitClasses)) {
      pending.unshift(...children(entry));
      largest = largestLayer(pending.filter((other) => other.module), sizes, noSplitClasses);
      continue;
    }
    used.set(place, usedHere + reserved);
    current += 1;
    pending.unshift(entry);
  }
  return map;
}

type Tie = readonly [string, string];

/** Pairs of full parameter names that share storage. */
function tiedPairs(root: Module): Tie[] {
  const pairs: Tie[] = [];
  for (const { name, parameter } of namedParameters(root)) {
    if (parameter.tiedTo !== undefined) pairs.push([name, parameter.tiedTo]);
  }
  return pairs;
}

/** Modules still to be placed that hold the other end of a tie with `name`. */
function tiedModules(
  name: string,
  ties: readonly Tie[],
  pending: readonly Entry[],
): { module: Entry; parameter: string }[] {
  const inside = (parameter: string) => `${parameter}.`.includes(`${name}.`);
  const found: { module: Entry; parameter: string }[] = [];
  for (const tie of ties) {
    const outside = tie.filter((parameter) => !inside(parameter));
    if (outside.length !== 1) continue;
    const parameter = outside[0] as string;
    const module = pending.find((entry) => parameter.startsWith(`${entry.name}.`));
    if (module !== undefined) found.push({ module, parameter });
  }
  return found;
}

/** Where a module is: its own entry, or its nearest parent's; the first GPU's index for the root. */
export function placeOf(map: DeviceMap, module: string): Place | undefined {
  for (let name = module;; name = name.slice(0, name.lastIndexOf("."))) {
    const place = map.get(name);
    if (place !== undefined || name === "") return place;
    if (!name.includes(".")) return map.get("");
  }
}
