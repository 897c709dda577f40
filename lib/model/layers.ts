/** Modules that every family has, as a strategy's hooks see them. */
import { type Execution, type ForwardCall, hiddenBytes, rowsOf } from "./family.ts";
import type { ProductShape } from "./torch.ts";

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
export function passing({ execution }: ForwardCall, name: string): void {
  execution.enter(name, 0);
  execution.leave(name);
}

/** A linear layer. */
export function project(
  { torch, execution }: ForwardCall,
  name: string,
  product: ProductShape,
  bias: boolean,
): number {
  const inputBytes = product.rows * product.inputs * torch.runtime.elementBytes;
  return hooked(
    execution,
    name,
    inputBytes,
    (short) => bias ? torch.linear(short, product) : torch.linearWithoutBias(short, product),
  );
}

/** Sums the hidden states, of which each rank that shares the layer has a part. */
export function sumOverRanks(call: ForwardCall): void {
  call.execution.allReduce(call.torch.device, hiddenBytes(call));
}

/** A layer norm over the hidden states. */
export function layerNorm(call: ForwardCall, name: string): number {
  const { torch, execution, pass } = call;
  const bytes = hiddenBytes(call);
  return hooked(
    execution,
    name,
    bytes,
    (short) => torch.layerNorm(short, rowsOf(pass), bytes),
  );
}

/** An RMS norm over the hidden states, or over what else has `rows` of `size`. */
export function rmsNorm(
  { torch, execution, shape, pass }: ForwardCall,
  name: string,
  { rows, size } = { rows: rowsOf(pass), size: shape.hiddenSize },
): number {
  const bytes = rows * size * torch.runtime.elementBytes;
  return hooked(execution, name, bytes, (short) => torch.rmsNorm(short, rows, size));
}

/** The embeddings of the pass's ids; `tensor` is what the model calls them. */
export function embed(call: ForwardCall, name: string, tensor?: string): number {
  const { torch, execution, pass } = call;
  const bytes = hiddenBytes(call);
  return hooked(
    execution,
    name,
    rowsOf(pass) * 8,
    (short) => torch.elementwise(tensor ?? short, bytes, bytes),
  );
}
