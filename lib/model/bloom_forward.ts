/**
 * The forward pass of BLOOM, as `transformers/models/bloom/modeling_bloom.py` runs it with eager attention, which is
 * the only one that BLOOM has. Comments name the logic of that file where memory depends on Python's references
 * rather than on the mathematics.
 */
import { alibiOf } from "./bloom_alibi.ts";
import { finalNorm, runBlocks } from "./blocks.ts";
import type { Execution, ForwardPass, Logits, ModelShape } from "./family.ts";
import { keyLength } from "./family.ts";
import { lastLogits } from "./head.ts";
import { layerNorm } from "./layers.ts";
import { updateCache } from "./kv_cache.ts";
import { causalMask, causalMaskInPlace } from "./masks.ts";
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

/** BloomAttention.forward; returns [output, attention_probs], which both outlive the call. */
function attention(
  torch: Torch,
  layer: number,
  mask: number | undefined,
  shape: ModelShape,
  pass: ForwardPass,
  execution: Execution,
): [output: number, probs: number] {
  const size = sizes(shape, pass, torch);
  const { batch, query } = pass;
  const { elementBytes } = torch.runtime;
  const { rows, hiddenBytes, localBytes } = size;
  const name = `${blockName(layer)}.self_attention`;
  const local = size.heads * shape.headDim;

  execution.enter(`${name}.query_key_value`, hiddenBytes);
  const inputs = shape.hiddenSize;
  const qkv = torch.linear("query_key_value", { rows, inputs, outputs: 3 * local });
  execution.leave(`${name}.query_key_value`);
  updateCache(torch, layer, pass, size.tokenBytes);

  // The query is a strided part of the projection: merging batch and heads copies unless one of them is 1.
  const copiesQuery = query > 1 && batch > 1 && size.heads > 1;
  const queryLayer = copiesQuery ? torch.elementwise("query", localBytes, localBytes) : undefined;
  const scoresBytes = size.scores * elementBytes;
  const cacheBytes = batch * size.keys * size.tokenBytes;
  const flops = 2 * size.scores * shape.headDim;
  const scores = torch.baddbmm("attention_scores", scoresBytes, localBytes + cacheBytes, flops);
  const weights = mask === undefined
    ? undefined
    : torch.elementwise("attn_weights", scoresBytes, scoresBytes);
  const probs = torch.softmaxInFloat32("attention_probs", size.scores);
  let context = torch.bmm("context", localBytes, scoresBytes + cacheBytes, flops);
  if (query > 1 && size.heads > 1) context = torch.rebind(context, "merge_heads", localBytes);

  execution.enter(`${name}.dense`, localBytes);
  const dense = torch.linear("dense", { rows, inputs: local, outputs: shape.hiddenSize });
  execution.allReduce(torch.device, hiddenBytes);
  execution.leave(`${name}.dense`);
  const output = torch.rebind(dense, "attention_output", hiddenBytes, 2 * hiddenBytes);
  torch.free(qkv);
  if (queryLayer !== undefined) torch.free(queryLayer);
  torch.free(scores);
  if (weights !== undefined) torch.free(weights);
  torch.free(context);
  return [output, probs];
}

/** x * 0.5 * (1 + tanh(0.79788456 * x * (1 + 0.044715 * x * x))): every factor is a tensor of its own. */
export function bloomGelu(torch: Torch, bytes: number): number {
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
export function bloomMlp(
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
  execution.enter(`${name}.dense_h_to_4h`, hiddenBytes);
  const up = torch.linear("dense_h_to_4h", { rows, inputs: shape.hiddenSize, outputs: local });
  execution.leave(`${name}.dense_h_to_4h`);
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

/** BloomForCausalLM.forward. */
export function forward(
  shape: ModelShape,
  pass: ForwardPass,
  execution: Execution,
  torch: Torch,
): Logits {
  const size = sizes(shape, pass, torch);
  const { hiddenBytes, rows } = size;
  const { hiddenSize } = shape;
  const { behaviours } = torch.runtime;
  const root = "transformer";
  torch.device = execution.deviceOf(`${root}.word_embeddings`);
  execution.enter(`${root}.word_embeddings`, rows * 8);
  const embeds = torch.elementwise("inputs_embeds", hiddenBytes, hiddenBytes);
  execution.leave(`${root}.word_embeddings`);
  torch.device = execution.deviceOf(`${root}.word_embeddings_layernorm`);
  const first: Placed = {
    handle: layerNorm(
      torch,
      `${root}.word_embeddings_layernorm`,
      rows,
      hiddenSize,
      execution,
    ),
    device: torch.device,
    bytes: hiddenBytes,
  };
  const alibi = alibiOf(torch, shape.heads, pass);
  const mask = behaviours.has("bloom-causal-mask-4d")
    ? causalMaskInPlace(torch, pass)
    : causalMask(torch, pass);
  const shared = mask === undefined ? [alibi] : [alibi, mask];

  // The loop keeps the outputs of the block before, attention_probs included, until the next ones replace them.
  let previousProbs: number | undefined;
  const blocks = { shape, pass, blockName, given: () => shared };
  const hidden = runBlocks(torch, execution, blocks, first, (layer) => {
    const name = blockName(layer);
    const normed = layerNorm(torch, `${name}.input_layernorm`, rows, hiddenSize, execution);
    const [attended, probs] = attention(torch, layer, mask?.handle, shape, pass, execution);
    const normedAgain = layerNorm(
      torch,
      `${name}.post_attention_layernorm`,
      rows,
      hiddenSize,
      execution,
    );
    torch.free(normed);
    const handle = bloomMlp(torch, layer, shape, pass, execution);
    torch.free(normedAgain, attended);
    const dropped = previousProbs === undefined ? [] : [previousProbs];
    previousProbs = probs;
    return { handle, dropped };
  });
  const last = finalNorm(
    torch,
    execution,
    `${root}.ln_f`,
    hidden,
    () => layerNorm(torch, `${root}.ln_f`, rows, hiddenSize, execution),
  );
  torch.free(embeds, ...shared.map(({ handle }) => handle));
  if (previousProbs !== undefined) torch.free(previousProbs);
  torch.free(hidden.handle);
  const positions = behaviours.has("logits-of-all-positions") ? pass.query : 1;
  return lastLogits(torch, last, shape, pass, execution, { positions });
}
