/** What the forward passes of BLOOM have in common, whatever the version: all but attention, its cache and its masks. */
import { finalNorm } from "./blocks.ts";
import { type Execution, type ForwardPass, keyLength, type ModelShape } from "./family.ts";
import { layerNorm, passing, project } from "./layers.ts";
import type { Placed, Torch } from "./torch.ts";

/** Full name of the module of one layer. */
export function blockName(layer: number): string {
  return `transformer.h.${layer}`;
}

/** Sizes of one pass, in elements unless named bytes. */
export interface PassSizes {
  readonly rows: number;
  /** Heads of one rank. */
  readonly heads: number;
  /** Tokens that are attended to. */
  readonly keys: number;
  readonly hiddenBytes: number;
  /** Of the heads of one rank. */
  readonly localBytes: number;
  readonly scores: number;
  /** Keys, or values, of one token. */
  readonly tokenBytes: number;
}

/** The sizes of a pass on one rank. */
export function sizes(shape: ModelShape, pass: ForwardPass, { runtime }: Torch): PassSizes {
  const { batch, query, tensorParallel } = pass;
  const { elementBytes } = runtime;
  const heads = shape.heads / tensorParallel;
  const keys = keyLength(pass);
  return {
    rows: batch * query,
    heads,
    keys,
    hiddenBytes: batch * query * shape.hiddenSize * elementBytes,
    localBytes: batch * query * heads * shape.headDim * elementBytes,
    scores: batch * heads * query * keys,
    tokenBytes: heads * shape.headDim * elementBytes,
  };
}

/** The embeddings, which the function names to its end, and their norm, which the first block is given. */
export function bloomEmbeds(
  torch: Torch,
  shape: ModelShape,
  pass: ForwardPass,
  execution: Execution,
): { readonly embeds: number; readonly first: Placed } {
  const { hiddenBytes, rows } = sizes(shape, pass, torch);
  const name = "transformer.word_embeddings";
  torch.device = execution.deviceOf(name);
  execution.enter(name, rows * 8);
  const embeds = torch.elementwise("inputs_embeds", hiddenBytes, hiddenBytes);
  execution.leave(name);
  const norm = "transformer.word_embeddings_layernorm";
  torch.device = execution.deviceOf(norm);
  const handle = layerNorm(torch, norm, rows, shape.hiddenSize, execution);
  return { embeds, first: { handle, device: torch.device, bytes: hiddenBytes } };
}

/**
 * BloomBlock.forward.
 *
 * @param attend Runs attention over the normed input and returns its output, the residual added.
 */
export function bloomBlock(
  torch: Torch,
  layer: number,
  shape: ModelShape,
  pass: ForwardPass,
  execution: Execution,
  attend: () => number,
): number {
  const rows = pass.batch * pass.query;
  const norm = (name: string) =>
    layerNorm(torch, `${blockName(layer)}.${name}`, rows, shape.hiddenSize, execution);
  const normed = norm("input_layernorm");
  const attended = attend();
  const normedAgain = norm("post_attention_layernorm");
  torch.free(normed);
  const output = bloomMlp(torch, layer, shape, pass, execution);
  torch.free(normedAgain, attended);
  return output;
}

/** The projection behind attention, summed over the ranks. */
export function attentionDense(
  torch: Torch,
  layer: number,
  shape: ModelShape,
  pass: ForwardPass,
  execution: Execution,
): number {
  const { rows, heads, hiddenBytes, localBytes } = sizes(shape, pass, torch);
  const name = `${blockName(layer)}.self_attention.dense`;
  const product = { rows, inputs: heads * shape.headDim, outputs: shape.hiddenSize };
  execution.enter(name, localBytes);
  const dense = torch.linear("dense", product);
  execution.allReduce(torch.device, hiddenBytes);
  execution.leave(name);
  return dense;
}

/** The norm behind the last block. */
export function bloomFinalNorm(
  torch: Torch,
  hidden: Placed,
  shape: ModelShape,
  pass: ForwardPass,
  execution: Execution,
): Placed {
  const name = "transformer.ln_f";
  const rows = pass.batch * pass.query;
  const norm = () => layerNorm(torch, name, rows, shape.hiddenSize, execution);
  return finalNorm(torch, execution, name, hidden, norm);
}

/** x * 0.5 * (1 + tanh(0.79788456 * x * (1 + 0.044715 * x * x))): every factor is a tensor of its own. */
function bloomGelu(torch: Torch, bytes: number): number {
  const half = torch.elementwise("gelu.half", bytes, bytes);
  const scaled = torch.elementwise("gelu.scaled", bytes, bytes);
  const cubic = torch.elementwise("gelu.cubic", bytes, bytes);
  const square = torch.rebind(cubic, "gelu.square", bytes, 2 * bytes);
  const plusOne = torch.rebind(square, "gelu.plus_one", bytes);
  const inner = torch.elementwise("gelu.inner", bytes, 2 * bytes);
  torch.free(scaled, plusOne);
  const tanh = torch.rebind(inner, "gelu.tanh", bytes);
  const onePlus = torch.rebind(tanh, "gelu.one_plus", bytes);
  const output = torch.elementwise("gelu", bytes, 2 * bytes);
  torch.free(half, onePlus);
  return output;
}

/** BloomMLP.forward with its residual. */
function bloomMlp(
  torch: Torch,
  layer: number,
  shape: ModelShape,
  pass: ForwardPass,
  execution: Execution,
): number {
  const { rows, hiddenBytes } = sizes(shape, pass, torch);
  const name = `${blockName(layer)}.mlp`;
  const local = shape.intermediateSize / pass.tensorParallel;
  const localBytes = rows * local * torch.runtime.elementBytes;
  const wide = { rows, inputs: shape.hiddenSize, outputs: local };
  const up = project(torch, `${name}.dense_h_to_4h`, wide, true, execution);
  passing(execution, `${name}.gelu_impl`);
  const activated = bloomGelu(torch, localBytes);
  torch.free(up);
  execution.enter(`${name}.dense_4h_to_h`, localBytes);
  const down = torch.linear("dense_4h_to_h", { rows, inputs: local, outputs: shape.hiddenSize });
  execution.allReduce(torch.device, hiddenBytes);
  execution.leave(`${name}.dense_4h_to_h`);
  const output = torch.elementwise("mlp_output", hiddenBytes, 2 * hiddenBytes);
  torch.free(activated, down);
  return output;
}
