/**
 * The forward pass of GPT-NeoX, as `transformers/models/gpt_neox/modeling_gpt_neox.py` (4.57.3, 5.17.0) runs it.
 */
import { attentionSizes, eagerAttention, sdpaAttention } from "./attention.ts";
import { finalNorm, runBlocks } from "./blocks.ts";
import type { Execution, ForwardPass, Logits } from "./family.ts";
import type { NeoxShape } from "./gpt_neox.ts";
import { lastLogits } from "./head.ts";
import { updateCache } from "./kv_cache.ts";
import { embed, layerNorm, passing, project } from "./layers.ts";
import { causalMask } from "./masks.ts";
import { applyRotary, rotaryTables } from "./rotary.ts";
import type { Placed, Torch } from "./torch.ts";

/** Full name of the module of one layer. */
export function blockName(layer: number): string {
  return `gpt_neox.layers.${layer}`;
}

/** GPTNeoXAttention.forward. */
function attention(
  torch: Torch,
  layer: number,
  hasMask: boolean,
  shape: NeoxShape,
  pass: ForwardPass,
  execution: Execution,
): { output: number; weights: number | undefined } {
  const sizes = attentionSizes(shape, pass);
  const rows = pass.batch * pass.query;
  const { elementBytes, attention: kind } = torch.runtime;
  const name = `${blockName(layer)}.attention`;
  const local = sizes.heads * shape.headDim;
  const bytes = rows * local * elementBytes;
  const turned = rows * sizes.heads * shape.rotaryDim * elementBytes;
  const product = { rows, inputs: shape.hiddenSize, outputs: 3 * local };
  const qkv = project(torch, `${name}.query_key_value`, product, shape.bias, execution);
  const turnedQuery = applyRotary(torch, "query", turned);
  const turnedKey = applyRotary(torch, "key", turned);
  // The rest of each head is concatenated behind what was turned.
  const query = torch.rebind(turnedQuery, "query", bytes);
  const key = torch.rebind(turnedKey, "key", bytes);
  updateCache(torch, layer, pass, local * elementBytes);
  torch.free(key);
  const attend = kind === "eager" ? eagerAttention : sdpaAttention;
  const { output: context, weights } = attend(torch, sizes, {
    hasMask,
    scales: true,
    byHeads: true,
  });
  const back = { rows, inputs: local, outputs: shape.hiddenSize };
  const output = project(torch, `${name}.dense`, back, shape.bias, execution);
  execution.allReduce(torch.device, rows * shape.hiddenSize * elementBytes);
  torch.free(context, qkv, query);
  return { output, weights };
}

/** GPTNeoXMLP.forward of `input`, which only its arguments hold. */
function mlp(
  torch: Torch,
  layer: number,
  input: number,
  shape: NeoxShape,
  pass: ForwardPass,
  execution: Execution,
): number {
  const rows = pass.batch * pass.query;
  const name = `${blockName(layer)}.mlp`;
  const local = shape.intermediateSize / pass.tensorParallel;
  const wide = { rows, inputs: shape.hiddenSize, outputs: local };
  const up = project(torch, `${name}.dense_h_to_4h`, wide, true, execution);
  passing(execution, `${name}.act`);
  const activated = torch.rebind(up, "act", rows * local * torch.runtime.elementBytes);
  const back = { rows, inputs: local, outputs: shape.hiddenSize };
  const down = project(torch, `${name}.dense_4h_to_h`, back, true, execution);
  execution.allReduce(torch.device, rows * shape.hiddenSize * torch.runtime.elementBytes);
  torch.free(activated, input);
  return down;
}

/** GPTNeoXLayer.forward. */
function decoderLayer(
  torch: Torch,
  layer: number,
  hasMask: boolean,
  shape: NeoxShape,
  pass: ForwardPass,
  execution: Execution,
): number {
  const rows = pass.batch * pass.query;
  const { hiddenSize } = shape;
  const bytes = rows * hiddenSize * torch.runtime.elementBytes;
  const name = blockName(layer);
  const normed = layerNorm(torch, `${name}.input_layernorm`, rows, hiddenSize, execution);
  const { output, weights } = attention(torch, layer, hasMask, shape, pass, execution);
  torch.free(normed);
  passing(execution, `${name}.post_attention_dropout`);
  const again = `${name}.post_attention_layernorm`;
  let attended = output;
  if (!shape.isParallel) attended = torch.rebind(output, "attention_output", bytes, 2 * bytes);
  const input = layerNorm(torch, again, rows, hiddenSize, execution);
  const down = mlp(torch, layer, input, shape, pass, execution);
  passing(execution, `${name}.post_mlp_dropout`);
  let sum = torch.elementwise("mlp_output", bytes, 2 * bytes);
  if (shape.isParallel) sum = torch.rebind(sum, "hidden_states", bytes, 2 * bytes);
  torch.free(attended);
  if (weights !== undefined) torch.free(weights);
  torch.free(down);
  return sum;
}

/** GPTNeoXForCausalLM.forward. */
export function forward(
  shape: NeoxShape,
  pass: ForwardPass,
  execution: Execution,
  torch: Torch,
): Logits {
  const rows = pass.batch * pass.query;
  const bytes = rows * shape.hiddenSize * torch.runtime.elementBytes;
  torch.device = execution.deviceOf("gpt_neox.embed_in");
  const embeds = embed(torch, "gpt_neox.embed_in", rows, shape.hiddenSize, execution);
  const mask = causalMask(torch, pass);
  passing(execution, "gpt_neox.emb_dropout");
  passing(execution, "gpt_neox.rotary_emb");
  const tables = rotaryTables(torch, pass, shape.rotaryDim);
  const shared = [...mask === undefined ? [] : [mask], ...tables];
  const first: Placed = { handle: embeds, device: torch.device, bytes };
  const blocks = { shape, pass, blockName, given: () => shared, held: embeds };
  const hidden = runBlocks(torch, execution, blocks, first, (layer) => ({
    handle: decoderLayer(torch, layer, mask !== undefined, shape, pass, execution),
  }));
  const last = "gpt_neox.final_layer_norm";
  const placed = finalNorm(
    torch,
    execution,
    last,
    hidden,
    () => layerNorm(torch, last, rows, shape.hiddenSize, execution),
  );
  // The order of the names in the function.
  const names = shared.map(({ handle }) => handle);
  const isNew = torch.runtime.behaviours.has("loop-position-ids");
  torch.free(hidden.handle, ...isNew ? [embeds, ...names] : [...names, embeds]);
  return lastLogits(torch, placed, shape, pass, execution, { name: "embed_out" });
}
