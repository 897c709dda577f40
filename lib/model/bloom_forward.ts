/**
 * The forward pass of BLOOM, as `transformers/models/bloom/modeling_bloom.py` runs it with eager attention, which is
 * the only one that BLOOM has. Comments name the logic of that file where memory depends on Python's references
 * rather than on the mathematics.
 */
import { alibiOf } from "./bloom_alibi.ts";
import { runBlocks } from "./blocks.ts";
import {
  attentionDense,
  blockName,
  bloomBlock,
  bloomEmbeds,
  bloomFinalNorm,
  sizesOf,
} from "./bloom_parts.ts";
import type { ForwardCall, Logits } from "./family.ts";
import { lastLogits } from "./head.ts";
import { passing, project } from "./layers.ts";
import { updateCache } from "./kv_cache.ts";
import { causalMask, causalMaskInPlace } from "./masks.ts";

/** BloomAttention.forward; returns [output, attention_probs], which both outlive the call. */
function attention(
  call: ForwardCall,
  layer: number,
  hasMask: boolean,
): [output: number, probs: number] {
  const { torch, shape, pass } = call;
  const size = sizesOf(call);
  const { batch, query } = pass;
  const { elementBytes } = torch.runtime;
  const { rows, hiddenBytes, localBytes } = size;
  const name = `${blockName(layer)}.self_attention`;
  const local = size.heads * shape.headDim;

  const product = { rows, inputs: shape.hiddenSize, outputs: 3 * local };
  const qkv = project(call, `${name}.query_key_value`, product, true);
  updateCache(torch, layer, pass, {
    tokenBytes: size.tokenBytes,
    inProjection: ["key", "value"],
  });

  // The query is a strided part of the projection: merging batch and heads copies unless one of them is 1.
  const copiesQuery = query > 1 && batch > 1 && size.heads > 1;
  const queryLayer = copiesQuery ? torch.indexed("query", localBytes) : undefined;
  const scoresBytes = size.scores * elementBytes;
  const cacheBytes = batch * size.keys * size.tokenBytes;
  const flops = 2 * size.scores * shape.headDim;
  const scores = torch.baddbmm("attention_scores", scoresBytes, localBytes + cacheBytes, flops);
  const weights = hasMask ? torch.indexed("attn_weights", scoresBytes) : undefined;
  const probs = torch.softmaxInFloat32("attention_probs", size.scores);
  passing(call, `${name}.attention_dropout`);
  let context = torch.bmm("context", localBytes, scoresBytes + cacheBytes, flops);
  if (query > 1 && size.heads > 1) {
    context = torch.rebindIndexed(context, "merge_heads", localBytes);
  }

  const dense = attentionDense(call, layer);
  const output = torch.rebind(dense, "attention_output", hiddenBytes, 2 * hiddenBytes);
  torch.free(qkv);
  if (queryLayer !== undefined) torch.free(queryLayer);
  torch.free(scores);
  if (weights !== undefined) torch.free(weights);
  torch.free(context);
  return [output, probs];
}

/** BloomForCausalLM.forward. */
export function forward(call: ForwardCall): Logits {
  const { torch, shape, pass, execution } = call;
  const { behaviours } = torch.runtime;
  const { embeds, first } = bloomEmbeds(call);
  // Fused kernels take all heads, and pick theirs.
  const ranks = execution.layer === undefined ? pass.tensorParallel : 1;
  const alibi = alibiOf(torch, shape.heads, pass, ranks);
  const mask = behaviours.has("bloom-causal-mask-4d")
    ? causalMaskInPlace(torch, pass)
    : causalMask(torch, pass);
  const shared = mask === undefined ? [alibi] : [alibi, mask];

  // The loop keeps the outputs of the block before, attention_probs included, until the next ones replace them.
  let previousProbs: number | undefined;
  const blocks = { blockName, given: () => shared };
  const hidden = runBlocks(call, blocks, first, (layer) => {
    const dropped = previousProbs === undefined ? [] : [previousProbs];
    const handle = bloomBlock(call, layer, () => {
      const [attended, probs] = attention(call, layer, mask !== undefined);
      previousProbs = probs;
      return attended;
    });
    return { handle, dropped };
  });
  const last = bloomFinalNorm(call, hidden);
  torch.free(embeds, ...shared.map(({ handle }) => handle));
  if (previousProbs !== undefined) torch.free(previousProbs);
  torch.free(hidden.handle);
  const positions = behaviours.has("logits-of-all-positions") ? pass.query : 1;
  return lastLogits(call, last, { positions });
}
