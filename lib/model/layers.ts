/** Modules that every family has, as a strategy's hooks see them. */
import type { Execution } from "./family.ts";
import type { ProductShape, Torch } from "./torch.ts";

/** Name of a module within its parent. */
function shortName(name: string): string {
  return name.slice(name.lastIndexOf(".") + 1);
}

/** A linear layer. */
export function project(
  torch: Torch,
  name: string,
  product: ProductShape,
  bias: boolean,
  execution: Execution,
): number {
  execution.enter(name, product.rows * product.inputs * torch.runtime.elementBytes);
  const short = shortName(name);
  const output = bias ? torch.linear(short, product) : torch.linearWithoutBias(short, product);
  execution.leave(name);
  return output;
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
  execution.enter(name, bytes);
  const output = torch.layerNorm(shortName(name), rows, bytes);
  execution.leave(name);
  return output;
}

/** An RMS norm over [rows, size]. */
export function rmsNorm(
  torch: Torch,
  name: string,
  rows: number,
  size: number,
  execution: Execution,
): number {
  execution.enter(name, rows * size * torch.runtime.elementBytes);
  const output = torch.rmsNorm(shortName(name), rows, size);
  execution.leave(name);
  return output;
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
  execution.enter(name, rows * 8);
  const output = torch.elementwise(shortName(name), bytes, bytes);
  execution.leave(name);
  return output;
}
