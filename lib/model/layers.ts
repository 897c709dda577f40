/** Modules that every family has, as a strategy's hooks see them. */
import type { Execution } from "./family.ts";
import type { ProductShape, Torch } from "./torch.ts";

/** Runs a module between the strategy's hooks, which see an input of `inputBytes`. */
function hooked(
  execution: Execution,
  name: string,
  inputBytes: number,
  run: (shortName: string) => number,
): number {
  execution.enter(name, inputBytes);
  const output = run(name.slice(name.lastIndexOf(".") + 1));
  execution.leave(name);
  return output;
}

/** The call of a module that has no parameters, and whose tensors are told by its caller: only hooks see it. */
export function passing(execution: Execution, name: string): void {
  execution.enter(name, 0);
  execution.leave(name);
}

/** A linear layer. */
export function project(
  torch: Torch,
  name: string,
  product: ProductShape,
  bias: boolean,
  execution: Execution,
): number {
  const inputBytes = product.rows * product.inputs * torch.runtime.elementBytes;
  return hooked(
    execution,
    name,
    inputBytes,
    (short) => bias ? torch.linear(short, product) : torch.linearWithoutBias(short, product),
  );
}

/** A layer norm over [rows, size]. */
export function layerNorm(
  torch: Torch,
  name: string,
  rows: number,
  size: number,
  execution: Execution,
): number {
  const bytes = rows * size * torch.runtime.elementBytes;
  return hooked(execution, name, bytes, (short) => torch.layerNorm(short, rows, bytes));
}

/** An RMS norm over [rows, size]. */
export function rmsNorm(
  torch: Torch,
  name: string,
  rows: number,
  size: number,
  execution: Execution,
): number {
  const bytes = rows * size * torch.runtime.elementBytes;
  return hooked(execution, name, bytes, (short) => torch.rmsNorm(short, rows, size));
}

/** An embedding of `rows` ids. */
export function embed(
  torch: Torch,
  name: string,
  rows: number,
  size: number,
  execution: Execution,
): number {
  const bytes = rows * size * torch.runtime.elementBytes;
  return hooked(execution, name, rows * 8, (short) => torch.elementwise(short, bytes, bytes));
}
