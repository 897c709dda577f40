/** The module tree of a model, as `named_modules()` of the real one would list it. */
import { elements } from "../trace/trace.ts";

/** How tensor parallelism cuts a linear layer: `column` by its outputs, `row` by its inputs (then all-reduce). */
export type Parallel = "column" | "row";

export interface Parameter {
  /** Name within its module: `weight`, `bias`. */
  readonly name: string;
  readonly shape: readonly number[];
  /** Full name of the parameter whose storage this one shares. */
  readonly tiedTo?: string;
}

export interface Module {
  /** Name within the parent; empty for the root. */
  readonly name: string;
  /** Class of the real module, which `no_split_module_classes` names. */
  readonly className: string;
  readonly parameters: readonly Parameter[];
  /** Tensors that are no parameters: a device map counts and places them too. */
  readonly buffers?: readonly Parameter[];
  readonly children: readonly Module[];
  readonly parallel?: Parallel;
}

/** A linear layer with weight [outputs, inputs] and, unless told otherwise, a bias [outputs]. */
export function linear(
  name: string,
  inputs: number,
  outputs: number,
  options: { parallel?: Parallel; bias?: boolean; tiedTo?: string | undefined } = {},
): Module {
  const { parallel, bias = true, tiedTo } = options;
  const weight = { name: "weight", shape: [outputs, inputs], ...(tiedTo ? { tiedTo } : {}) };
  return {
    name,
    className: "Linear",
    parameters: bias ? [weight, { name: "bias", shape: [outputs] }] : [weight],
    children: [],
    ...(parallel ? { parallel } : {}),
  };
}

/** A layer norm with weight and bias of `size`. */
export function layerNorm(name: string, size: number): Module {
  const parameters = [{ name: "weight", shape: [size] }, { name: "bias", shape: [size] }];
  return { name, className: "LayerNorm", parameters, children: [] };
}

/** An RMS norm with a weight of `size`. */
export function rmsNorm(name: string, size: number, className: string): Module {
  return { name, className, parameters: [{ name: "weight", shape: [size] }], children: [] };
}

/** An embedding table [rows, size]. */
export function embedding(name: string, rows: number, size: number): Module {
  return {
    name,
    className: "Embedding",
    parameters: [{ name: "weight", shape: [rows, size] }],
    children: [],
  };
}

/** A module that only holds others. */
export function container(name: string, className: string, children: readonly Module[]): Module {
  return { name, className, parameters: [], children };
}

/** The layers of a model, named by their index. */
export function moduleList(name: string, layers: number, block: (index: number) => Module): Module {
  return container(name, "ModuleList", Array.from({ length: layers }, (_, index) => block(index)));
}

/** A parameter with its place in the tree. */
export interface NamedParameter {
  readonly name: string;
  readonly module: Module;
  readonly parameter: Parameter;
}

/** Every parameter in the order of `named_parameters()`, tied ones included. */
export function* namedParameters(module: Module, prefix = ""): Generator<NamedParameter> {
  for (const parameter of module.parameters) {
    yield { name: prefix + parameter.name, module, parameter };
  }
  for (const child of module.children) yield* namedParameters(child, `${prefix}${child.name}.`);
}

/** Elements of all parameters; a tied one counts once. */
export function parameterCount(module: Module): number {
  let count = 0;
  for (const { parameter } of namedParameters(module)) {
    if (parameter.tiedTo === undefined) count += elements(parameter.shape);
  }
  return count;
}
