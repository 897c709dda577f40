/**
 * The forward pass of Llama and its relatives, as `transformers/models/llama/modeling_llama.py` (4.57.3, 5.17.0) runs it.
 */
import { activate } from "./activation.ts";
import { attend, type Attended, attentionSizes } from "./attention.ts";
import { finalNorm, runBlocks } from "./blocks.ts";
import { type ForwardCall, hiddenBytes, type Logits, rowsOf } from "./family.ts";
import { lastLogits } from "./head.ts";
import { embed, passing, project, rmsNorm, sumOverRanks } from "./layers.ts";
import { updateCache } from "./kv_cache.ts";
import type { LlamaShape } from "./llama.ts";
import { causalMask } from "./masks.ts";
import { applyRotary, rotaryTables } from "./rotary.ts";
import type { Placed } from "./torch.ts";

/** Full name of the module of one layer. */
export function blockName(layer: number): string {
  return `model.layers.${layer}`;
}

/** LlamaAttention.forward; returns the probabilities too, which the layer holds until it ends. */
function attention(call: ForwardCall<LlamaShape>, layer: number, hasMask: boolean): Attended {
  const { torch, shape, pass } = call;
  const sizes = attentionSizes(shape, pass);
  const { heads, kvHeads, headDim } = sizes;
  const rows = rowsOf(pass);
  const { elementBytes } = torch.runtime;
  const name = `${blockName(layer)}.self_attn`;
  const inputs = shape.hiddenSize;
  const [local, narrow] = [heads * headDim, kvHeads * headDim];
  const headed = (part: string, outputs: number) => {
    const product = { rows, inputs, outputs };
    const projected = project(call, `${name}.${part}_proj`, product, shape.qkvBias);
    if (!shape.normalizesHeads || part === "v") return projected;
    const byHeads = { rows: rows * outputs / headDim, size: headDim };
    const normed = rmsNorm(call, `${name}.${part}_norm`, byHeads);
    torch.free(projected);
    return normed;
  };
  const query = headed("q", local);
  const key = headed("k", narrow);
  const value = headed("v", narrow);
  const rotatedQuery = applyRotary(torch, "query", rows * local * elementBytes);
  const rotatedKey = applyRotary(torch, "key", rows * narrow * elementBytes);
  torch.free(query, key);
  updateCache(torch, layer, pass, {
    tokenBytes: narrow * elementBytes,
    window: shape.window,
  });
  torch.free(rotatedKey, value);
  const { output: context, weights } = attend(torch, sizes, { hasMask, scales: true });
  const back = { rows, inputs: local, outputs: shape.hiddenSize };
  const output = project(call, `${name}.o_proj`, back, shape.outputBias);
  sumOverRanks(call);
  torch.free(context, rotatedQuery);
  return { output, weights };
}

/** LlamaMLP.forward: down(act(gate(x)) * up(x)). */
function mlp(call: ForwardCall<LlamaShape>, name: string): number {
  const { torch, shape, pass } = call;
  const rows = rowsOf(pass);
  const local = shape.intermediateSize / pass.tensorParallel;
  const bytes = rows * local * torch.runtime.elementBytes;
  const wide = { rows, inputs: shape.hiddenSize, outputs: local };
  const gate = project(call, `${name}.gate_proj`, wide, shape.mlpBias);
  passing(call, `${name}.act_fn`);
  const activated = activate(torch, shape.activation, { input: gate, name: "act_fn", bytes });
  const up = project(call, `${name}.up_proj`, wide, shape.mlpBias);
  const gated = torch.elementwise("gated", bytes, 2 * bytes);
  torch.free(activated, up);
  const back = { rows, inputs: local, outputs: shape.hiddenSize };
  const down = project(call, `${name}.down_proj`, back, shape.mlpBias);
  sumOverRanks(call);
  torch.free(gated);
  return down;
}

/** LlamaDecoderLayer.forward. */
function decoderLayer(call: ForwardCall<LlamaShape>, layer: number, hasMask: boolean): number {
  const { torch } = call;
  const bytes = hiddenBytes(call);
  const name = blockName(layer);
  const normed = rmsNorm(call, `${name}.input_layernorm`);
  const attended = attention(call, layer, hasMask);
  torch.free(normed);
  const middle = torch.rebind(attended.output, "attention_output", bytes, 2 * bytes);
  const again = rmsNorm(call, `${name}.post_attention_layernorm`);
  const down = mlp(call, `${name}.mlp`);
  torch.free(again);
  const output = torch.rebind(down, "mlp_output", bytes, 2 * bytes);
  torch.free(middle);
  if (attended.weights !== undefined) torch.free(attended.weights);
  return output;
}

/** LlamaForCausalLM.forward. */
export function forward(call: ForwardCall<LlamaShape>): Logits {
  const { torch, shape, pass, execution } = call;
  torch.device = execution.deviceOf("model.embed_tokens");
  const embeds = embed(call, "model.embed_tokens");
  const mask = causalMask(torch, pass, shape.window);
  passing(call, "model.rotary_emb");
  const tables = rotaryTables(torch, pass, shape.headDim);
  const shared = [...mask === undefined ? [] : [mask], ...tables];

  const first: Placed = { handle: embeds, device: torch.device, bytes: hiddenBytes(call) };
  const blocks = { blockName, given: () => shared, held: embeds };
  const hidden = runBlocks(call, blocks, first, (layer) => ({
    handle: decoderLayer(call, layer, mask !== undefined),
  }));
  const last = finalNorm(call, "model.norm", hidden, rmsNorm);
  torch.free(hidden.handle);
  // Qwen holds its masks in a dictionary, which goes first.
  const goesFirst = mask !== undefined && shape.modelType.startsWith("qwen") ? mask.handle : embeds;
  const rest = [embeds, ...shared.map(({ handle }) => handle)].filter((each) => each !== goesFirst);
  torch.free(goesFirst, ...rest);
  return lastLogits(call, last);
}
