/**
 * The forward pass of BLOOM in transformers 4.22 to 4.43. A layer's cache is a pair of tensors with batch and heads
 * merged, keys as [batch x heads, size, tokens], which each pass concatenates to, so that attention need not copy them.
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
import { maskOfBooleans, maskOfFloats } from "./bloom_tuple_masks.ts";
import type { Execution, ForwardPass, KvCache, Logits, ModelShape } from "./family.ts";
import { sendCacheHome } from "./bloom_2022.ts";
import { lastLogits } from "./head.ts";
import { cacheTensor } from "./kv_cache.ts";
import { passing } from "./layers.ts";
import type { Placed, Torch } from "./torch.ts";

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
  const { elementBytes, dtype } = torch.runtime;
  const { rows, hiddenBytes, localBytes, scores, keys } = size;
  const name = `${blockName(layer)}.self_attention`;
  const local = size.heads * shape.headDim;
  // Merging batch and heads copies a part of the projection unless one of batch, heads and tokens is 1.
  const copies = query > 1 && batch > 1 && size.heads > 1;
  const isView = past === undefined && !copies;

  execution.enter(`${name}.query_key_value`, hiddenBytes);
  const product = { rows, inputs: shape.hiddenSize, outputs: 3 * local };
  const qkv = torch.linear("query_key_value", product, isView ? "kv" : "activation");
  execution.leave(`${name}.query_key_value`);
  const queryCopy = copies ? torch.elementwise("query", localBytes, localBytes) : undefined;
  const present = isView
    ? [{ handle: qkv, device: torch.device, bytes: 3 * localBytes }]
    : ["key", "value"].map((part) => {
      const bytes = batch * keys * size.tokenBytes;
      torch.kernel(past === undefined ? `merge_${part}` : `cat_${part}`, 2 * bytes);
      return cacheTensor(torch, `h.${layer}.${part}`, bytes);
    });

  const cacheBytes = batch * keys * size.tokenBytes;
  const scoresBytes = scores * elementBytes;
  const flops = 2 * scores * shape.headDim;
  const kind = query === 1 ? "bytes" : "attention";
  const read = localBytes + cacheBytes;
  const matmul = torch.baddbmm("attention_scores", scoresBytes, read, flops, kind);
  const locals = [matmul];
  let input = scoresBytes;
  if (dtype === "float16") {
    // Its least number does not reach where masks have to.
    input = scores * 4;
    locals.push(torch.elementwise("scores.float32", input, scoresBytes));
  }
  locals.push(torch.elementwise("attn_weights", input, input));
  const probs = dtype === "float16"
    ? torch.rebind(
      torch.elementwise("softmax.float32", input, input),
      "attention_probs",
      scoresBytes,
      input,
    )
    : torch.softmaxInFloat32("attention_probs", scores);
  passing(execution, `${name}.attention_dropout`);
  let context = torch.bmm("context", localBytes, scoresBytes + cacheBytes, flops);
  if (query > 1 && size.heads > 1) context = torch.rebind(context, "merge_heads", localBytes);

  const dense = attentionDense(torch, layer, shape, pass, execution);
  const output = torch.rebind(dense, "attention_output", hiddenBytes, 2 * hiddenBytes);
  if (!isView) torch.free(qkv);
  if (queryCopy !== undefined) torch.free(queryCopy);
  torch.free(...locals, probs, context);
  return { output, present };
}

/** BloomForCausalLM.forward. */
export function forwardTuple(
  shape: ModelShape,
  pass: ForwardPass,
  execution: Execution,
  torch: Torch,
): Logits {
  const { embeds, first } = bloomEmbeds(torch, shape, pass, execution);
  const shared = [alibiOf(torch, shape.heads, pass), ...maskOf(torch, pass, execution)];

  const pastOf = (layer: number) => pass.past === 0 ? undefined : pass.cache[layer];
  const given = (layer: number) => [...shared, ...pastOf(layer) ?? []];
  const blocks = { shape, pass, blockName, given };
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
  torch.free(embeds, ...shared.map(({ handle }) => handle), hidden.handle);
  const logits = lastLogits(torch, placed, shape, pass, execution, { positions: pass.query });
  sendCacheHome(torch, pass, execution);
  return logits;
}

function maskOf(torch: Torch, pass: ForwardPass, { layer }: Execution): Placed[] {
  if (torch.runtime.behaviours.has("bloom-mask-of-floats")) return [maskOfFloats(torch, pass)];
  // DeepSpeed's layers take the attention mask as it is: `remove_mask_prepare_for_bloom`.
  return layer === undefined ? [maskOfBooleans(torch, pass)] : [];
}
