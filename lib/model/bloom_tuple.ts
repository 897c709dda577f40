/**
 * The forward pass of BLOOM in transformers 4.22 to 4.43. A layer's cache is a pair of tensors with batch and heads
 * merged, keys as [batch x heads, size, tokens], which each pass concatenates to, so that attention need not copy them.
 */
import { alibiOf } from "./bloom_alibi.ts";
import { attentionDense, blockName, bloomEmbeds, bloomFinalNorm, sizesOf } from "./bloom_parts.ts";
import { type AttendedTuple, runTupleBlocks, tupleLogits } from "./bloom_tuple_cache.ts";
import { maskOfBooleans, maskOfFloats } from "./bloom_tuple_masks.ts";
import type { ForwardCall, KvCache, Logits } from "./family.ts";
import { cacheTensor } from "./kv_cache.ts";
import { passing } from "./layers.ts";
import type { Placed } from "./torch.ts";

/** BloomAttention.forward; its locals live until it returns. */
function attention(
  call: ForwardCall,
  layer: number,
  past: KvCache | undefined,
): AttendedTuple {
  const { torch, shape, pass, execution } = call;
  const size = sizesOf(call);
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
  const queryCopy = copies ? torch.indexed("query", localBytes) : undefined;
  const present = isView
    ? [{ handle: qkv, device: torch.device, bytes: 3 * localBytes }]
    : ["key", "value"].map((part) => {
      const bytes = batch * keys * size.tokenBytes;
      if (past !== undefined) torch.cat(`cat_${part}`, bytes, "strided");
      else torch.kernel(`merge_${part}`, 2 * bytes, bytes / elementBytes, "indexed");
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
  passing(call, `${name}.attention_dropout`);
  let context = torch.bmm("context", localBytes, scoresBytes + cacheBytes, flops);
  if (query > 1 && size.heads > 1) {
    context = torch.rebindIndexed(context, "merge_heads", localBytes);
  }

  const dense = attentionDense(call, layer);
  const output = torch.rebind(dense, "attention_output", hiddenBytes, 2 * hiddenBytes);
  if (!isView) torch.free(qkv);
  if (queryCopy !== undefined) torch.free(queryCopy);
  torch.free(...locals, probs, context);
  return { output, present };
}

/** BloomForCausalLM.forward. */
export function forwardTuple(call: ForwardCall): Logits {
  const { torch, shape, pass } = call;
  const { embeds, first } = bloomEmbeds(call);
  const shared = [alibiOf(torch, shape.heads, pass), ...maskOf(call)];
  const hidden = runTupleBlocks(call, shared, first, attention);
  const last = bloomFinalNorm(call, hidden);
  torch.free(embeds, ...shared.map(({ handle }) => handle), hidden.handle);
  return tupleLogits(call, last);
}

function maskOf({ torch, pass, execution: { layer } }: ForwardCall): Placed[] {
  if (torch.runtime.behaviours.has("bloom-mask-of-floats")) return [maskOfFloats(torch, pass)];
  // DeepSpeed's layers take the attention mask as it is: `remove_mask_prepare_for_bloom`.
  return layer === undefined ? [maskOfBooleans(torch, pass)] : [];
}
