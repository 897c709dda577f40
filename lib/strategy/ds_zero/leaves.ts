/**
 * Leaves: modules whose parameters ZeRO gathers together and whose children have no hooks, as DeepSpeed's configuration
 * names them (`apply_zero_leaf_module_config` of deepspeed/utils/z3_leaf_module.py and
 * `_set_z3_leaf_modules_by_threshold` of deepspeed/runtime/zero/parameter_offload.py, 0.19.8).
 */
import { type Module, namedParameters } from "../../model/module.ts";
import { elements } from "../../trace/trace.ts";

/** What of the configuration makes leaves. */
export interface LeafSettings {
  /** Classes by name, modules by full name, and by the end of it. */
  readonly classes: readonly string[];
  readonly names: readonly string[];
  readonly suffixes: readonly string[];
  /** Modules with at most so many parameters for each module in them; 0 makes none. */
  readonly granularity: number;
}

/** Parameters beyond which the threshold makes no leaf (`Z3_MAX_LEAF_SIZE`). */
const MAX_LEAF_ELEMENTS = 1e9;

/** Full names of the leaves, outermost ones only. */
export function leavesOf(root: Module, settings: LeafSettings): ReadonlySet<string> {
  const { classes, names, suffixes, granularity } = settings;
  const leaves = new Set<string>();
  const isNamed = ({ className }: Module, name: string) =>
    classes.some((each) => each === className || each.endsWith(`.${className}`)) ||
    names.includes(name) || suffixes.some((suffix) => name.endsWith(suffix));
  function visit(module: Module, name: string): void {
    const isFine = granularity > 0 && granularityOf(module) <= granularity;
    if (isFine || isNamed(module, name)) {
      leaves.add(name);
      return;
    }
    const prefix = name === "" ? "" : `${name}.`;
    for (const child of module.children) visit(child, prefix + child.name);
  }
  visit(root, "");
  return leaves;
}

/** The leaf that a module is or is in. */
export function leafAround(module: string, leaves: ReadonlySet<string>): string | undefined {
  return [...pathTo(module), module].find((name) => leaves.has(name));
}

/** Names of the modules that a module is in, the root first. */
export function pathTo(module: string): string[] {
  const parts = module.split(".");
  return parts.map((_, length) => parts.slice(0, length).join("."));
}

/** How many modules have hooks, those without parameters left out. */
export function hookedCount(root: Module, leaves: ReadonlySet<string>): number {
  function count(module: Module, name: string): number {
    if (leaves.has(name)) return 1;
    const prefix = name === "" ? "" : `${name}.`;
    return module.children.reduce((sum, child) => sum + count(child, prefix + child.name), 1);
  }
  return count(root, "");
}

/** The class of a model's layers, and the parameters of one. */
export interface Layer {
  readonly className: string;
  readonly elements: number;
}

/** The layer of a given full name. */
export function layerOf(root: Module, name: string): Layer | undefined {
  let module: Module | undefined = root;
  for (const part of name.split(".")) {
    module = module?.children.find((child) => child.name === part);
  }
  return module && { className: module.className, elements: sizeOf(module).elements };
}

/** Parameters for each module with parameters; infinite for those that never are leaves. */
function granularityOf(module: Module): number {
  const { modules, elements } = sizeOf(module);
  const isContainer = module.children.length > 0 && module.className !== "ModuleList";
  if (!isContainer || elements === 0 || elements > MAX_LEAF_ELEMENTS) return Infinity;
  return Math.floor(elements / modules);
}

/** Modules with parameters in or below a module, lists of modules left out, and what their parameters have. */
function sizeOf(module: Module): { readonly modules: number; readonly elements: number } {
  let count = 0;
  for (const { parameter } of namedParameters(module)) count += elements(parameter.shape);
  return { modules: hookedIn(module), elements: count };
}

function hookedIn({ className, children, parameters }: Module): number {
  const below = children.reduce((sum, child) => sum + hookedIn(child), 0);
  const isHooked = below + parameters.length > 0 && className !== "ModuleList";
  return below + (isHooked ? 1 : 0);
}
