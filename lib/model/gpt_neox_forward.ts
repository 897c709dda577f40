/**
 * The forward pass of GPT-NeoX, as `transformers/models/gpt_neox/modeling_gpt_neox.py` (4.57.3, 5.17.0) runs it.
 */
import { activate } from "./activation.ts";
import { attend, type Attended, attentionSizes } from "./attention.ts";
import { finalNorm, runBlocks } from "./blocks.ts";
import { type ForwardCall, hiddenBytes, type Logits, rowsOf } from "./family.ts";
import type { NeoxShape } from "./gpt_neox.ts";
import { lastLogits } from "./head.ts";
import { updateCache } from "./kv_cache.ts";
import { embed, layerNorm, passing, project, sumOverRanks } from "./layers.ts";
import { causalMask } from "./masks.ts";
import { applyRotary, rotaryTables } from "./rotary.ts";
import type { Placed } from "./torch.ts";

/** Full name of the module of one layer. */
export function blockName(layer: number): string {
  return `gpt_neox.layers.${layer}`;
}

/** GPTNeoXAttention.forward. */
function attention(call: ForwardCall<NeoxShape>, layer: number, hasMask: boolean): Attended {
  const { torch, shape, pass } = call;
  const sizes = attentionSizes(shape, pass);
  const rows = rowsOf(pass);
  const { elementBytes } = torch.runtime;
  const name = `${blockName(layer)}.attention`;
  const local = sizes.heads * shape.headDim;
  const bytes = rows * local * elementBytes;
  const turned = rows * sizes.heads * shape.rotaryDim * elementBytes;
  const product = { rows, inputs: shape.hiddenSize, outputs: 3 * local };
  const qkv = project(call, `${name}.query_key_value`, product, shape.bias);
  const turnedQuery = applyRotary(torch, "query", turned);
  const turnedKey = applyRotary(torch, "key", turned);
  // The rest of each head is concatenated behind what was turned.
  const query = torch.rebindCat(turnedQuery, "query", bytes);
  const key = torch.rebindCat(turnedKey, "key", bytes);
  updateCache(torch, layer, pass, {
    tokenBytes: local * elementBytes,
    inProjection: ["value"],
  });
  torch.free(key);
  const options = { hasMask, scales: true, byHeads: true };
  const { output: context, weights } = attend(torch, sizes, options);
  const back = { rows, inputs: local, outputs: shape.hiddenSize };
  const output = project(call, `${name}.dense`, back, shape.bias);
  sumOverRanks(call);
  torch.free(context, qkv, query);
  return { output, weights };
}

/** GPTNeoXMLP.forward of `input`, which only its arguments hold. */
function mlp(call: ForwardCall<NeoxShape>, name: string, input: number): number {
  const { torch, shape, pass } = call;
  const rows = rowsOf(pass);
  const local = shape.intermediateSize / pass.tensorParallel;
  const wide = { rows, inputs: shape.hiddenSize, outputs: local };
  const up = project(call, `${name}.dense_h_to_4h`, wide, true);
  passing(call, `${name}.act`);
  const bytes = rows * local * torch.runtime.elementBytes;
  const activated = activate(torch, shape.activation, { input: up, name: "act", bytes });
  const back = { rows, inputs: local, outputs: shape.hiddenSize };
  const down = project(call, `${name}.dense_4h_to_h`, back, true);
  sumOverRanks(call);
  torch.free(activated, input);
  return down;
}

/** GPTNeoXLayer.forward. */
function decoderLayer(call: ForwardCall<NeoxShape>, layer: number, hasMask: boolean): number {
  const { torch, shape } = call;
  const bytes = hiddenBytes(call);
  const name = blockName(layer);
  const normed = layerNorm(call, `${name}.input_layernorm`);
  const { output, weights } = attention(call, layer, hasMask);
  torch.free(normed);
  passing(call, `${name}.post_attention_dropout`);
  let attended = output;
  if (!shape.isParallel) attended = torch.rebind(output, "attention_output", bytes, 2 * bytes);
  const input = layerNorm(call, `${name}.post_attention_layernorm`);
  const down = mlp(call, `${name}.mlp`, input);
  passing(call, `${name}.post_mlp_dropout`);
  let sum = torch.elementwise("mlp_output", bytes, 2 * bytes);
  if (shape.isParallel) sum = torch.rebind(sum, "hidden_states", bytes, 2 * bytes);
  torch.free(attended);
  if (weights !== undefined) torch.free(weights);
  torch.free(down);
  return sum;
}

/** GPTNeoXForCausalLM.forward. */
export function forward(call: ForwardCall<NeoxShape>): Logits {
  const { torch, shape, pass, execution } = call;
  torch.device = execution.deviceOf("gpt_neox.embed_in");
  const embeds = embed(call, "gpt_neox.embed_in");
  const mask = causalMask(torch, pass);
  passing(call, "gpt_neox.emb_dropout");
  passing(call, "gpt_neox.rotary_emb");
  const tables = rotaryTables(torch, pass, shape.rotaryDim);
  const shared = [...mask === undefined ? [] : [mask], ...tables];
  const first: Placed = { handle: embeds, device: torch.device, bytes: hiddenBytes(call) };
  const blocks = { blockName, given: () => shared, held: embeds };
  const hidden = runBlocks(call, blocks, first, (layer) => ({
    handle: decoderLayer(call, layer, mask !== undefined),
  }));
  const last = finalNorm(call, "gpt_neox.final_layer_norm", hidden, layerNorm);
  // The order of the names in the function.
  const names = shared.map(({ handle }) => handle);
  const isNew = torch.runtime.behaviours.has("loop-position-ids");
  torch.free(hidden.handle, ...isNew ? [embeds, ...names] : [...names, embeds]);
  return lastLogits(call, last, { name: "embed_out" });
}
