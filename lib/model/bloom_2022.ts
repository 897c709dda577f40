/**
 * The forward pass of BLOOM in transformers 4.20 and 4.21, whose tables were published in 2022. A layer's cache is a
 * pair of tensors [batch, tokens, heads, size] that the next pass concatenates to; attention reshapes all of it.
 */
import { alibiOf } from "./bloom_alibi.ts";
import { runBlocks } from "./blocks.ts";
import {
  attentionDense,
  blockName,
  bloomBlock,
  bloomEmbeds,
  bloomFinalNorm,
  sizes,
} from "./bloom_parts.ts";
import { lastLogits } from "./head.ts";
import { passing } from "./layers.ts";
import type { Execution, ForwardPass, KvCache, Logits, ModelShape } from "./family.ts";
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
  torch: Torch,
  layer: number,
  past: KvCache | undefined,
  shape: ModelShape,
  pass: ForwardPass,
  execution: Execution,
): { output: number; present: KvCache } {
  const size = sizes(shape, pass, torch);
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
      torch.kernel(`cat_${part}`, 2 * cacheBytes);
      return cacheTensor(torch, `h.${layer}.${part}`, cacheBytes);
    });
  }

  // Merging batch and heads copies what is longer than one token.
  const merges = (tokens: number) => tokens > 1 && batch > 1 && size.heads > 1;
  const queryCopy = merges(query) ? torch.elementwise("query", localBytes, localBytes) : undefined;
  const keyCopy = merges(keys)
    ? torch.elementwise("key_transposed", cacheBytes, cacheBytes)
    : undefined;
  const scoresBytes = scores * elementBytes;
  const flops = 2 * scores * shape.headDim;
  let weights = torch.bmm("attention_scores", scoresBytes, localBytes + cacheBytes, flops);
  const copies = [queryCopy, keyCopy].filter((copy) => copy !== undefined);
  if (!first) {
    torch.free(...copies);
    weights = torch.rebind(weights, "scores.scaled", scoresBytes);
    const bias = torch.tensor("alibi.scaled", batch * size.heads * keys * elementBytes);
    weights = torch.rebind(weights, "scores.biased", scoresBytes);
    torch.free(bias);
  }
  const masked = first
    ? softmaxWithMask(torch, size.heads, pass)
    : softmaxWithBias(torch, scores, pass);
  if (first) passing(execution, `${name}.scale_mask_softmax`);
  passing(execution, `${name}.attention_dropout`);
  const valueCopy = merges(keys)
    ? torch.elementwise("value_transposed", cacheBytes, cacheBytes)
    : undefined;
  let context = torch.bmm("context", localBytes, scoresBytes + cacheBytes, flops);
  if (!first && valueCopy !== undefined) torch.free(valueCopy);
  if (query > 1 && size.heads > 1) context = torch.rebind(context, "merge_heads", localBytes);

  const dense = attentionDense(torch, layer, shape, pass, execution);
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
  const added = torch.rebind(scaled, "attn_weights.masked", bytes);
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
export function forward2022(
  shape: ModelShape,
  pass: ForwardPass,
  execution: Execution,
  torch: Torch,
): Logits {
  const { embeds, first } = bloomEmbeds(torch, shape, pass, execution);
  const shared = sharedOf(torch, shape, pass, execution);
  const sent = [shared.alibi, shared.mask].filter((tensor) => tensor !== undefined);

  const pastOf = (layer: number) => pass.past === 0 ? undefined : pass.cache[layer];
  const blocks = {
    shape,
    pass,
    blockName,
    given: (layer: number) => [...sent, ...pastOf(layer) ?? []],
  };
  const hidden = runBlocks(torch, execution, blocks, first, (layer) => {
    const handle = bloomBlock(torch, layer, shape, pass, execution, () => {
      const past = pastOf(layer);
      const { output, present } = attention(torch, layer, past, shape, pass, execution);
      pass.cache[layer] = present;
      return output;
    });
    return { handle };
  });
  const placed = bloomFinalNorm(torch, hidden, shape, pass, execution);
  const { alibi, mask } = shared;
  const names = alibi === undefined ? [hidden, mask] : [mask, hidden, alibi];
  torch.free(embeds, ...names.flatMap((name) => name === undefined ? [] : [name.handle]));
  const logits = lastLogits(torch, placed, shape, pass, execution, { positions: pass.query });
  sendCacheHome(torch, pass, execution);
  return logits;
}

function sharedOf(
  torch: Torch,
  shape: ModelShape,
  pass: ForwardPass,
  { layer }: Execution,
): Shared {
  const { behaviours } = torch.runtime;
  if (!behaviours.has("bloom-fused-cache")) {
    const alibi = alibiOf(torch, shape.heads, pass);
    // DeepSpeed's layers take the attention mask as it is: `remove_mask_prepare_for_bloom`.
    return layer === undefined ? { alibi, mask: attentionMask2022(torch, pass) } : { alibi };
  }
  // Masks are made in each layer.
  return { mask: alibiOfHeads(torch, shape.heads, pass) };
}

/** accelerate before 0.20: the hook of the whole model sends its outputs, cache included, to where its inputs were. */
export function sendCacheHome(torch: Torch, pass: ForwardPass, { cacheHome }: Execution): void {
  if (cacheHome === undefined) return;
  for (const [layer, tensors] of pass.cache.entries()) {
    const fused = tensors.length === 1 ? tensors[0] : undefined;
    // The views of a projection are copied one by one.
    const part = fused && { ...fused, bytes: fused.bytes / 3 };
    const parts = part ? [part, part] : tensors;
    if (parts.every(({ device }) => device === cacheHome)) continue;
    const copies = torch.send(`h.${layer} cache`, parts, cacheHome, "kv");
    torch.free(...tensors.map(({ handle }) => handle));
    pass.cache[layer] = copies.map((handle, index) => ({
      handle: handle ?? -1,
      device: cacheHome,
      bytes: parts[index]?.bytes ?? 0,
    }));
  }
}
