/**
 * The module calls that the hooks of stage 3 see: those of every module, with parameters or without
 * (`_register_deepspeed_module` of deepspeed/runtime/zero/parameter_offload.py, 0.19.8).
 */
import type { Execution } from "../../model/family.ts";
import type { Module } from "../../model/module.ts";
import { plainExecution } from "../execution.ts";
import { leafAround, pathTo } from "./leaves.ts";
import type { ZeroLayout, ZeroWeight } from "./place.ts";

/** What the hooks do. */
export interface ModuleHooks {
  /** Before each forward pass. */
  beginPass(): void;
  /** Before a module runs that uses these parameters. */
  enter(parameters: readonly ZeroWeight[]): void;
  /** After it has run. */
  leave(parameters: readonly ZeroWeight[]): void;
}

/** A module that is running. */
interface Running {
  readonly name: string;
  readonly parameters: readonly ZeroWeight[];
}

/**
 * Tells the hooks of every call. A forward pass names the modules that have parameters or make tensors; those that
 * contain them are called before the first of theirs, and have returned when one runs that is not theirs.
 *
 * @param leaves Modules that stand for all that is in them: see `leavesOf`.
 */
export function hookedModules(
  root: Module,
  { weights, leaves }: Pick<ZeroLayout, "weights" | "leaves">,
  hooks: ModuleHooks,
): Execution {
  const called = calledModules(root);
  const parametersOf = parametersByModule(weights, leaves);
  const running: Running[] = [];

  function call(name: string): void {
    const parameters = parametersOf.get(name) ?? [];
    running.push({ name, parameters });
    hooks.enter(parameters);
  }

  function returnTo(depth: number): void {
    while (running.length > depth) hooks.leave((running.pop() as Running).parameters);
  }

  let first: string | undefined;
  return {
    ...plainExecution(0),
    enter(module) {
      first ??= module;
      if (module === first) {
        returnTo(0);
        hooks.beginPass();
      }
      const inner = running.at(-1)?.name;
      if (inner !== undefined && leaves.has(inner) && isWithin(module, inner)) return;
      const path = pathTo(module).filter((name) => called.has(name));
      const shared = path.findIndex((name, depth) => running[depth]?.name !== name);
      returnTo(shared === -1 ? path.length : shared);
      for (const name of path.slice(running.length)) {
        call(name);
        if (leaves.has(name)) return;
      }
      call(module);
    },
    leave(module) {
      const depth = running.findLastIndex(({ name }) => name === module);
      if (depth !== -1) returnTo(depth);
    },
  };
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

/** Of a module with hooks those that it has itself, of a leaf all that are in it. */
function parametersByModule(
  weights: readonly ZeroWeight[],
  leaves: ReadonlySet<string>,
): ReadonlyMap<string, readonly ZeroWeight[]> {
  const byModule = new Map<string, ZeroWeight[]>();
  for (const weight of weights) {
    const users = weight.modules.map((module) => leafAround(module, leaves) ?? module);
    for (const module of new Set(users)) {
      const known = byModule.get(module);
      if (known === undefined) byModule.set(module, [weight]);
      else known.push(weight);
    }
  }
  return byModule;
}
