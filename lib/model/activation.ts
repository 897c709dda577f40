/**
 * The functions between the two products of an MLP, by their names in a config: which are one kernel, and which are
 * written out in Python, where every step is a tensor of its own (`transformers/activations.py`, 4.57.3 and 5.17.0).
 */
import type { HfConfig } from "../language/pipeline.ts";
import type { Torch } from "./torch.ts";

/** Writes the steps of a function of `input`, which is not freed. */
type Steps = (torch: Torch, bytes: number) => number;

/** 0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x ** 3))) */
function geluNew(torch: Torch, bytes: number): number {
  const half = torch.elementwise("gelu.half", bytes, bytes);
  const cube = torch.elementwise("gelu.cube", bytes, bytes);
  const scaled = torch.rebind(cube, "gelu.scaled", bytes);
  const sum = torch.rebind(scaled, "gelu.sum", bytes, 2 * bytes);
  const inner = torch.rebind(sum, "gelu.inner", bytes);
  return timesOnePlus(torch, half, torch.rebind(inner, "gelu.tanh", bytes), bytes);
}

/** 0.5 * x * (1 + tanh(x * 0.7978845608 * (1 + 0.044715 * x * x))) */
function geluFast(torch: Torch, bytes: number): number {
  const half = torch.elementwise("gelu.half", bytes, bytes);
  const scaled = torch.elementwise("gelu.scaled", bytes, bytes);
  const linear = torch.elementwise("gelu.linear", bytes, bytes);
  const square = torch.rebind(linear, "gelu.square", bytes, 2 * bytes);
  const sum = torch.rebind(square, "gelu.sum", bytes);
  const inner = torch.elementwise("gelu.inner", bytes, 2 * bytes);
  torch.free(scaled, sum);
  return timesOnePlus(torch, half, torch.rebind(inner, "gelu.tanh", bytes), bytes);
}

/** x * 0.5 * (1 + erf(x / sqrt(2))) */
function geluPython(torch: Torch, bytes: number): number {
  const half = torch.elementwise("gelu.half", bytes, bytes);
  const divided = torch.elementwise("gelu.divided", bytes, bytes);
  return timesOnePlus(torch, half, torch.rebind(divided, "gelu.erf", bytes), bytes);
}

function timesOnePlus(torch: Torch, half: number, curve: number, bytes: number): number {
  const onePlus = torch.rebind(curve, "gelu.one_plus", bytes);
  const output = torch.elementwise("gelu", bytes, 2 * bytes);
  torch.free(half, onePlus);
  return output;
}

/** x * sigmoid(1.702 * x) */
function quickGelu(torch: Torch, bytes: number): number {
  const scaled = torch.elementwise("gelu.scaled", bytes, bytes);
  const sigmoid = torch.rebind(scaled, "gelu.sigmoid", bytes);
  return torch.rebind(sigmoid, "gelu", bytes, 2 * bytes);
}

/** A function of what another one made. */
function twice(torch: Torch, bytes: number): number {
  return torch.rebind(torch.elementwise("act.inner", bytes, bytes), "act", bytes);
}

const WRITTEN_OUT: Readonly<Record<string, Steps>> = {
  gelu_10: twice,
  gelu_accurate: geluNew,
  gelu_fast: geluFast,
  gelu_new: geluNew,
  gelu_python: geluPython,
  gelu_python_tanh: geluNew,
  quick_gelu: quickGelu,
  relu2: twice,
};

const ONE_KERNEL: ReadonlySet<string> = new Set([
  "gelu",
  "gelu_pytorch_tanh",
  "leaky_relu",
  "mish",
  "relu",
  "relu6",
  "sigmoid",
  "silu",
  "swish",
  "tanh",
]);

/**
 * The function that a config names, or that its class assumes where the file is silent.
 *
 * @returns In words why there is none, where the function is not known.
 */
export function activationOf(
  config: HfConfig,
  key: string,
  fallback: string,
): { readonly activation: string } | { readonly problem: string } {
  const name = Object.hasOwn(config, key) ? config[key] : fallback;
  if (typeof name !== "string") return { problem: `${key} must be the name of a function` };
  return ONE_KERNEL.has(name) || Object.hasOwn(WRITTEN_OUT, name)
    ? { activation: name }
    : { problem: `the function "${name}" of ${key} is not traced` };
}

/** Applies the function to a tensor, whose name lets go of it when the result is there. */
export function activate(
  torch: Torch,
  activation: string,
  { input, name, bytes }: {
    readonly input: number;
    /** Name of the result of a single kernel. */
    readonly name: string;
    readonly bytes: number;
  },
): number {
  const steps = Object.hasOwn(WRITTEN_OUT, activation) ? WRITTEN_OUT[activation] : undefined;
  if (steps === undefined) return torch.rebind(input, name, bytes);
  const output = steps(torch, bytes);
  torch.free(input);
  return output;
}
