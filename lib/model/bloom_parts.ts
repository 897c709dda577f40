/** What the forward passes of BLOOM have in common, whatever the version: all but attention, its cache and its masks. */
import { activate } from "./activation.ts";
import { finalNorm } from "./blocks.ts";
import { type ForwardCall, hiddenBytes, keyLength, rowsOf } from "./family.ts";
import { embed, layerNorm, passing, project, sumOverRanks } from "./layers.ts";
import type { Placed } from "./torch.ts";

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
export function sizesOf(call: ForwardCall): PassSizes {
  const { shape, pass, torch } = call;
  const { batch, query, tensorParallel } = pass;
  const { elementBytes } = torch.runtime;
  const heads = shape.heads / tensorParallel;
  const keys = keyLength(pass);
  return {
    rows: rowsOf(pass),
    heads,
    keys,
    hiddenBytes: hiddenBytes(call),
    localBytes: batch * query * heads * shape.headDim * elementBytes,
    scores: batch * heads * query * keys,
    tokenBytes: heads * shape.headDim * elementBytes,
  };
}

/** The embeddings, which the function names to its end, and their norm, which the first block is given. */
export function bloomEmbeds(
  call: ForwardCall,
): { readonly embeds: number; readonly first: Placed } {
  const { torch, execution } = call;
  const name = "transformer.word_embeddings";
  torch.device = execution.deviceOf(name);
  const embeds = embed(call, name, "inputs_embeds");
  const norm = "transformer.word_embeddings_layernorm";
  torch.device = execution.deviceOf(norm);
  const handle = layerNorm(call, norm);
  return { embeds, first: { handle, device: torch.device, bytes: hiddenBytes(call) } };
}

/**
 * BloomBlock.forward.
 *
 * @param attend Runs attention over the normed input and returns its output, the residual added.
 */
export function bloomBlock(call: ForwardCall, layer: number, attend: () => number): number {
  const { torch } = call;
  const name = blockName(layer);
  const normed = layerNorm(call, `${name}.input_layernorm`);
  const attended = attend();
  const normedAgain = layerNorm(call, `${name}.post_attention_layernorm`);
  torch.free(normed);
  const output = bloomMlp(call, `${name}.mlp`);
  torch.free(normedAgain, attended);
  return output;
}

/** The projection behind attention, summed over the ranks. */
export function attentionDense(call: ForwardCall, layer: number): number {
  const { torch, shape, execution } = call;
  const { rows, heads, localBytes } = sizesOf(call);
  const name = `${blockName(layer)}.self_attention.dense`;
  const product = { rows, inputs: heads * shape.headDim, outputs: shape.hiddenSize };
  execution.enter(name, localBytes);
  const dense = torch.linear("dense", product);
  sumOverRanks(call);
  execution.leave(name);
  return dense;
}

/** The norm behind the last block. */
export function bloomFinalNorm(call: ForwardCall, hidden: Placed): Placed {
  return finalNorm(call, "transformer.ln_f", hidden, layerNorm);
}

/** BloomMLP.forward with its residual. */
function bloomMlp(call: ForwardCall, name: string): number {
  const { torch, shape, pass, execution } = call;
  const [rows, bytes] = [rowsOf(pass), hiddenBytes(call)];
  const local = shape.intermediateSize / pass.tensorParallel;
  const localBytes = rows * local * torch.runtime.elementBytes;
  const wide = { rows, inputs: shape.hiddenSize, outputs: local };
  const up = project(call, `${name}.dense_h_to_4h`, wide, true);
  passing(call, `${name}.gelu_impl`);
  // BloomGelu has the formula of gelu_fast.
  const activated = activate(torch, "gelu_fast", { input: up, name: "gelu", bytes: localBytes });
  execution.enter(`${name}.dense_4h_to_h`, localBytes);
  const down = torch.linear("dense_4h_to_h", { rows, inputs: local, outputs: shape.hiddenSize });
  sumOverRanks(call);
  execution.leave(`${name}.dense_4h_to_h`);
  const output = torch.elementwise("mlp_output", bytes, 2 * bytes);
  torch.free(activated, down);
  return output;
}
