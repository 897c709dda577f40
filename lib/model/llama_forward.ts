/**
 * The forward pass of Llama and its relatives, as `transformers/models/llama/modeling_llama.py` (4.57.3, 5.17.0) runs it.
 */
import { type AttentionSizes, attentionSizes, eagerAttention, sdpaAttention } from "./attention.ts";
import { finalNorm, runBlocks } from "./blocks.ts";
import type { Execution, ForwardPass, Logits } from "./family.ts";
import { lastLogits } from "./head.ts";
import { embed, passing, project, rmsNorm } from "./layers.ts";
import { updateCache } from "./kv_cache.ts";
import type { LlamaShape } from "./llama.ts";
import { causalMask } from "./masks.ts";
import { applyRotary, rotaryTables } from "./rotary.ts";
import type { Placed, Torch } from "./torch.ts";

/** Full name of the module of one layer. */
export function blockName(layer: number): string {
  return `model.layers.${layer}`;
}

/** LlamaAttention.forward; returns the probabilities too, which the layer holds until it ends. */
function attention(
  torch: Torch,
  layer: number,
  hasMask: boolean,
  shape: LlamaShape,
  pass: ForwardPass,
  execution: Execution,
): { output: number; weights: number | undefined } {
  const sizes: AttentionSizes = attentionSizes(shape, pass);
  const { heads, kvHeads, headDim } = sizes;
  const rows = pass.batch * pass.query;
  const { elementBytes, attention: kind } = torch.runtime;
  const name = `${blockName(layer)}.self_attn`;
  const inputs = shape.hiddenSize;
  const [local, narrow] = [heads * headDim, kvHeads * headDim];
  const [queryBytes, keyBytes] = [rows * local * elementBytes, rows * narrow * elementBytes];
  const headed = (part: string, outputs: number) => {
    const projected = project(
      torch,
      `${name}.${part}_proj`,
      { rows, inputs, outputs },
      shape.qkvBias,
      execution,
    );
    if (!shape.normalizesHeads || part === "v") return projected;
    const normed = rmsNorm(
      torch,
      `${name}.${part}_norm`,
      rows * outputs / headDim,
      headDim,
      execution,
    );
    torch.free(projected);
    return normed;
  };
  const query = headed("q", local);
  const key = headed("k", narrow);
  const value = headed("v", narrow);
  const rotatedQuery = applyRotary(torch, "query", queryBytes);
  const rotatedKey = applyRotary(torch, "key", keyBytes);
  torch.free(query, key);
  updateCache(torch, layer, pass, narrow * elementBytes, shape.window);
  torch.free(rotatedKey, value);
  const attend = kind === "eager" ? eagerAttention : sdpaAttention;
  const { output: context, weights } = attend(torch, sizes, { hasMask, scales: true });
  const output = project(
    torch,
    `${name}.o_proj`,
    { rows, inputs: local, outputs: shape.hiddenSize },
    shape.outputBias,
    execution,
  );
  execution.allReduce(torch.device, rows * shape.hiddenSize * elementBytes);
  torch.free(context, rotatedQuery);
  return { output, weights };
}

/** LlamaMLP.forward: down(act(gate(x)) * up(x)). */
function mlp(
  torch: Torch,
  layer: number,
  shape: LlamaShape,
  pass: ForwardPass,
  execution: Execution,
): number {
  const rows = pass.batch * pass.query;
  const name = `${blockName(layer)}.mlp`;
  const local = shape.intermediateSize / pass.tensorParallel;
  const bytes = rows * local * torch.runtime.elementBytes;
  const wide = { rows, inputs: shape.hiddenSize, outputs: local };
  const gate = project(torch, `${name}.gate_proj`, wide, shape.mlpBias, execution);
  passing(execution, `${name}.act_fn`);
  const activated = torch.rebind(gate, "act_fn", bytes);
  const up = project(torch, `${name}.up_proj`, wide, shape.mlpBias, execution);
  const gated = torch.elementwise("gated", bytes, 2 * bytes);
  torch.free(activated, up);
  const product = { rows, inputs: local, outputs: shape.hiddenSize };
  const down = project(torch, `${name}.down_proj`, product, shape.mlpBias, execution);
  execution.allReduce(torch.device, rows * shape.hiddenSize * torch.runtime.elementBytes);
  torch.free(gated);
  return down;
}

/** LlamaDecoderLayer.forward. */
function decoderLayer(
  torch: Torch,
  layer: number,
  hasMask: boolean,
  shape: LlamaShape,
  pass: ForwardPass,
  execution: Execution,
): number {
  const rows = pass.batch * pass.query;
  const { hiddenSize } = shape;
  const bytes = rows * hiddenSize * torch.runtime.elementBytes;
  const name = blockName(layer);
  const normed = rmsNorm(torch, `${name}.input_layernorm`, rows, hiddenSize, execution);
  const attended = attention(torch, layer, hasMask, shape, pass, execution);
  torch.free(normed);
  const middle = torch.rebind(attended.output, "attention_output", bytes, 2 * bytes);
  const again = rmsNorm(torch, `${name}.post_attention_layernorm`, rows, hiddenSize, execution);
  const down = mlp(torch, layer, shape, pass, execution);
  torch.free(again);
  const output = torch.rebind(down, "mlp_output", bytes, 2 * bytes);
  torch.free(middle);
  if (attended.weights !== undefined) torch.free(attended.weights);
  return output;
}

/** LlamaForCausalLM.forward. */
export function forward(
  shape: LlamaShape,
  pass: ForwardPass,
  execution: Execution,
  torch: Torch,
): Logits {
  const rows = pass.batch * pass.query;
  const bytes = rows * shape.hiddenSize * torch.runtime.elementBytes;
  torch.device = execution.deviceOf("model.embed_tokens");
  const embeds = embed(torch, "model.embed_tokens", rows, shape.hiddenSize, execution);
  const mask = causalMask(torch, pass, shape.window);
  passing(execution, "model.rotary_emb");
  const tables = rotaryTables(torch, pass, shape.headDim);
  const shared = [...mask === undefined ? [] : [mask], ...tables];

  const first: Placed = { handle: embeds, device: torch.device, bytes };
  const blocks = { shape, pass, blockName, given: () => shared, held: embeds };
  const hidden = runBlocks(torch, execution, blocks, first, (layer) => ({
    handle: decoderLayer(torch, layer, mask !== undefined, shape, pass, execution),
  }));
  const placed = finalNorm(
    torch,
    execution,
    "model.norm",
    hidden,
    () => rmsNorm(torch, "model.norm", rows, shape.hiddenSize, execution),
  );
  torch.free(hidden.handle);
  // Qwen holds its masks in a dictionary, which goes first.
  const goesFirst = mask !== undefined && shape.modelType.startsWith("qwen") ? mask.handle : embeds;
  const rest = [embeds, ...shared.map(({ handle }) => handle)].filter((each) => each !== goesFirst);
  torch.free(goesFirst, ...rest);
  return lastLogits(torch, placed, shape, pass, execution);
}
