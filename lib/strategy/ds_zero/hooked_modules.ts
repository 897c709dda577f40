/**
 * The module calls that the hooks of stage 3 see: those of every module, with parameters or without
 * (`_register_deepspeed_module` of deepspeed/runtime/zero/parameter_offload.py, 0.19.8).
 */
import type { Execution } from "../../model/family.ts";
import type { Module } from "../../model/module.ts";
import { plainExecution } from "../execution.ts";
import type { ModuleCall } from "./coordinator.ts";
import { pathTo } from "./leaves.ts";
import type { ZeroLayout, ZeroWeight } from "./place.ts";

/** What the hooks do. */
export interface ModuleHooks {
  /** Before each forward pass. */
  beginPass(): void;
  /** Before a module runs. */
  enter(call: ModuleCall<ZeroWeight>): void;
  /** After it has run. */
  leave(call: ModuleCall<ZeroWeight>): void;
}

/** What of a layout the calls depend on. */
export interface HookedLayout extends Pick<ZeroLayout, "weights" | "leaves"> {
  readonly settings: Pick<ZeroLayout["settings"], "replacesLinear">;
}

/** A module that is running. */
interface Running {
  readonly name: string;
  readonly call: ModuleCall<ZeroWeight>;
}

/**
 * Tells the hooks of every call. A forward pass names the modules that have parameters or make tensors; those that
 * contain them are called before the first of theirs, and have returned when one runs that is not theirs.
 *
 * @param leaves Modules that stand for all that is in them: see `leavesOf`.
 */
export function hookedModules(
  root: Module,
  layout: HookedLayout,
  hooks: ModuleHooks,
): Execution {
  const { leaves, settings } = layout;
  const { calls, pathOf } = callsOf(root, layout);
  const running: Running[] = [];

  function begin(name: string): void {
    const call = calls.get(name) ?? NO_PARAMETERS;
    running.push({ name, call });
    hooks.enter(call);
  }

  function returnTo(depth: number): void {
    while (running.length > depth) hooks.leave((running.pop() as Running).call);
  }

  let first: string | undefined;
  return {
    ...plainExecution(0),
    biasApart: settings.replacesLinear ? "beyond-matrices" : "none",
    enter(module) {
      first ??= module;
      if (module === first) {
        returnTo(0);
        hooks.beginPass();
      }
      const inner = running.at(-1)?.name;
      if (inner !== undefined && leaves.has(inner) && isWithin(module, inner)) return;
      const path = pathOf(module);
      const shared = path.findIndex((name, depth) => running[depth]?.name !== name);
      returnTo(shared === -1 ? path.length : shared);
      for (const name of path.slice(running.length)) {
        begin(name);
        if (leaves.has(name)) return;
      }
      begin(module);
    },
    leave(module) {
      const depth = running.findLastIndex(({ name }) => name === module);
      if (depth !== -1) returnTo(depth);
    },
  };
}

/** What traces of a layout find out once. */
interface KnownCalls {
  readonly calls: ReadonlyMap<string, ModuleCall<ZeroWeight>>;
  /** The modules that are called around one, the root first. */
  readonly pathOf: (module: string) => readonly string[];
}

const CALLS = new WeakMap<HookedLayout, KnownCalls>();

function callsOf(root: Module, layout: HookedLayout): KnownCalls {
  const known = CALLS.get(layout);
  if (known !== undefined) return known;
  const called = calledModules(root);
  const paths = new Map<string, readonly string[]>();
  const pathOf = (module: string) => {
    let path = paths.get(module);
    if (path === undefined) {
      paths.set(module, path = pathTo(module).filter((name) => called.has(name)));
    }
    return path;
  };
  const found = { calls: callsByModule(layout.weights, layout.leaves), pathOf };
  CALLS.set(layout, found);
  return found;
}

/** A list of modules has no `forward`, and OPTForCausalLM calls the decoder of its model, not the model. */
const UNCALLED: readonly string[] = ["ModuleList", "OPTModel"];

/** Names of the modules whose `forward` runs. */
function calledModules(root: Module): ReadonlySet<string> {
  const names = new Set<string>();
  function add(module: Module, name: string): void {
    if (!UNCALLED.includes(module.className)) names.add(name);
    const prefix = name === "" ? "" : `${name}.`;
    for (const child of module.children) add(child, prefix + child.name);
  }
  add(root, "");
  return names;
}

function isWithin(module: string, outer: string): boolean {
  return outer === "" || module.startsWith(`${outer}.`);
}

const NO_PARAMETERS: ModuleCall<ZeroWeight> = {
  parameters: [],
  isLeaf: false,
  own: [],
  within: [],
};

/** What the hooks of each module with parameters see, in it or below it. */
function callsByModule(
  weights: readonly ZeroWeight[],
  leaves: ReadonlySet<string>,
): ReadonlyMap<string, ModuleCall<ZeroWeight>> {
  const own = new Map<string, Set<ZeroWeight>>();
  const within = new Map<string, Set<ZeroWeight>>();
  for (const weight of weights) {
    for (const module of weight.modules) {
      add(own, module, weight);
      for (const outer of [...pathTo(module), module]) add(within, outer, weight);
    }
  }
  const calls = new Map<string, ModuleCall<ZeroWeight>>();
  for (const [name, all] of within) {
    const isLeaf = leaves.has(name);
    const itsOwn = [...own.get(name) ?? []];
    const inIt = [...all];
    calls.set(name, { parameters: isLeaf ? inIt : itsOwn, isLeaf, own: itsOwn, within: inIt });
  }
  return calls;
}

function add(
  sets: Map<string, Set<ZeroWeight>>,
  name: string,
  weight: ZeroWeight,
): void {
  const known = sets.get(name);
  if (known === undefined) sets.set(name, new Set([weight]));
  else known.add(weight);
}
