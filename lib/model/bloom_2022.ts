/**
 * The forward pass of BLOOM in transformers 4.20 and 4.21, whose tables were published in 2022. A layer's cache is a
 * pair of tensors [batch, tokens, heads, size] that the next pass concatenates to; attention reshapes all of it.
 */
import { alibiOf } from "./bloom_alibi.ts";
import { attentionDense, blockName, bloomEmbeds, bloomFinalNorm, sizesOf } from "./bloom_parts.ts";
import { type AttendedTuple, runTupleBlocks, tupleLogits } from "./bloom_tuple_cache.ts";
import type { ForwardCall, ForwardPass, KvCache, Logits } from "./family.ts";
import { passing } from "./layers.ts";
import { cacheTensor } from "./kv_cache.ts";
import {
  alibiOfHeads,
  alibiOnHost,
  attentionMask2022,
  softmaxWithMask,
} from "./bloom_2022_masks.ts";
import type { Placed, Torch } from "./torch.ts";

/** What the blocks of one pass share. */
interface Shared {
  readonly alibi?: Placed | undefined;
  readonly mask?: Placed;
}

/** BloomAttention.forward; its locals live until it returns. */
function attention(
  call: ForwardCall,
  layer: number,
  past: KvCache | undefined,
): AttendedTuple {
  const { torch, shape, pass, execution } = call;
  const size = sizesOf(call);
  const { batch, query } = pass;
  const { elementBytes, behaviours } = torch.runtime;
  const { rows, hiddenBytes, localBytes, scores, keys } = size;
  const first = behaviours.has("bloom-fused-cache");
  const name = `${blockName(layer)}.self_attention`;
  const local = size.heads * shape.headDim;
  const locals: number[] = [];
  const alibi = first ? alibiOnHost(torch, size.heads, pass) : undefined;

  execution.enter(`${name}.query_key_value`, hiddenBytes);
  const product = { rows, inputs: shape.hiddenSize, outputs: 3 * local };
  // Keys and values of the prompt are views of the projection, which lives as long as the cache then.
  const qkv = torch.linear("query_key_value", product, past === undefined ? "kv" : "activation");
  execution.leave(`${name}.query_key_value`);
  const cacheBytes = batch * keys * size.tokenBytes;
  let present: KvCache = [{ handle: qkv, device: torch.device, bytes: 3 * localBytes }];
  if (past !== undefined) {
    locals.push(qkv);
    present = ["key", "value"].map((part) => {
      torch.cat(`cat_${part}`, cacheBytes, "strided");
      return cacheTensor(torch, `h.${layer}.${part}`, cacheBytes);
    });
  }

  // Merging batch and heads copies what is longer than one token.
  const merges = (tokens: number) => tokens > 1 && batch > 1 && size.heads > 1;
  const queryCopy = merges(query) ? torch.indexed("query", localBytes) : undefined;
  const keyCopy = merges(keys) ? torch.indexed("key_transposed", cacheBytes) : undefined;
  const scoresBytes = scores * elementBytes;
  const flops = 2 * scores * shape.headDim;
  let weights = torch.bmm("attention_scores", scoresBytes, localBytes + cacheBytes, flops);
  const copies = [queryCopy, keyCopy].filter((copy) => copy !== undefined);
  if (!first) {
    torch.free(...copies);
    weights = torch.rebind(weights, "scores.scaled", scoresBytes);
    const bias = torch.tensor("alibi.scaled", batch * size.heads * keys * elementBytes);
    weights = torch.rebindIndexed(weights, "scores.biased", scoresBytes);
    torch.free(bias);
  }
  const masked = first
    ? softmaxWithMask(torch, size.heads, pass)
    : softmaxWithBias(torch, scores, pass);
  if (first) passing(call, `${name}.scale_mask_softmax`);
  passing(call, `${name}.attention_dropout`);
  const valueCopy = merges(keys) ? torch.indexed("value_transposed", cacheBytes) : undefined;
  let context = torch.bmm("context", localBytes, scoresBytes + cacheBytes, flops);
  if (!first && valueCopy !== undefined) torch.free(valueCopy);
  if (query > 1 && size.heads > 1) {
    context = torch.rebindIndexed(context, "merge_heads", localBytes);
  }

  const dense = attentionDense(call, layer);
  const output = torch.elementwise("attention_output", hiddenBytes, 2 * hiddenBytes);
  if (!first) torch.free(dense);
  torch.free(...locals);
  if (first) {
    torch.free(...copies);
    if (valueCopy !== undefined) torch.free(valueCopy);
    if (alibi !== undefined) torch.free(alibi);
  }
  torch.free(weights, ...masked, context);
  if (first) torch.free(dense);
  return { output, present };
}

/** 4.21: the mask is added, and multiplied after the softmax; returns what outlives the product with the values. */
function softmaxWithBias(
  torch: Torch,
  scores: number,
  { batch, query, past }: ForwardPass,
): number[] {
  const { elementBytes } = torch.runtime;
  const bytes = scores * elementBytes;
  const scaled = torch.elementwise("attn_weights.scaled", bytes, bytes);
  const added = torch.rebindIndexed(scaled, "attn_weights.masked", bytes);
  const weights = torch.rebind(added, "attn_weights", bytes);
  const probs = torch.softmaxInFloat32("attention_probs", scores);
  const positions = batch * query * (past + query);
  const isMasked = torch.elementwise("mask.bool", positions, positions * elementBytes);
  const isKept = torch.rebind(isMasked, "mask.not", positions);
  const kept = torch.mixed("attention_probs", bytes, bytes, positions * elementBytes);
  torch.free(isKept, probs);
  return [weights, kept];
}

/** BloomForCausalLM.forward. */
export function forward2022(call: ForwardCall): Logits {
  const { torch } = call;
  const { embeds, first } = bloomEmbeds(call);
  const { alibi, mask } = sharedOf(call);
  const shared = [alibi, mask].filter((tensor) => tensor !== undefined);
  const hidden = runTupleBlocks(call, shared, first, attention);
  const last = bloomFinalNorm(call, hidden);
  const names = alibi === undefined ? [hidden, mask] : [mask, hidden, alibi];
  torch.free(embeds, ...names.flatMap((name) => name === undefined ? [] : [name.handle]));
  return tupleLogits(call, last);
}

function sharedOf({ torch, shape, pass, execution: { layer } }: ForwardCall): Shared {
  const { behaviours } = torch.runtime;
  if (!behaviours.has("bloom-fused-cache")) {
    const alibi = alibiOf(torch, shape.heads, pass);
    // DeepSpeed's layers take the attention mask as it is: `remove_mask_prepare_for_bloom`.
    return layer === undefined ? { alibi, mask: attentionMask2022(torch, pass) } : { alibi };
  }
  // Masks are made in each layer.
  return { mask: alibiOfHeads(torch, shape.heads, pass) };
}
