/** The forward pass of OPT, as `transformers/models/opt/modeling_opt.py` (4.57.3, 5.17.0) runs it. */
import { attentionSizes, eagerAttention, sdpaAttention } from "./attention.ts";
import { finalNorm, runBlocks } from "./blocks.ts";
import type { Execution, ForwardPass, Logits } from "./family.ts";
import { lastLogits } from "./head.ts";
import { updateCache } from "./kv_cache.ts";
import { embed, layerNorm, passing, project } from "./layers.ts";
import { causalMask, causalMaskInPlace } from "./masks.ts";
import type { OptShape } from "./opt.ts";
import type { Placed, Torch } from "./torch.ts";

/** Full name of the module of one layer. */
export function blockName(layer: number): string {
  return `model.decoder.layers.${layer}`;
}

/** OPTAttention.forward; 5.x returns the probabilities, which the layer then holds until it ends. */
function attention(
  torch: Torch,
  layer: number,
  hasMask: boolean,
  shape: OptShape,
  pass: ForwardPass,
  execution: Execution,
): { output: number; weights: number | undefined } {
  const sizes = attentionSizes(shape, pass);
  const rows = pass.batch * pass.query;
  const { elementBytes, attention: kind, behaviours } = torch.runtime;
  const name = `${blockName(layer)}.self_attn`;
  const local = sizes.heads * shape.headDim;
  const bytes = rows * local * elementBytes;
  const product = { rows, inputs: shape.hiddenSize, outputs: local };
  const unscaled = project(torch, `${name}.q_proj`, product, shape.bias, execution);
  const query = torch.rebind(unscaled, "query.scaled", bytes);
  const key = project(torch, `${name}.k_proj`, product, shape.bias, execution);
  const value = project(torch, `${name}.v_proj`, product, shape.bias, execution);
  updateCache(torch, layer, pass, local * elementBytes);
  torch.free(key, value);
  const attend = kind === "eager" ? eagerAttention : sdpaAttention;
  const { output: context, weights } = attend(torch, sizes, { hasMask, scales: true });
  const back = { rows, inputs: local, outputs: shape.hiddenSize };
  const output = project(torch, `${name}.out_proj`, back, shape.bias, execution);
  execution.allReduce(torch.device, rows * shape.hiddenSize * elementBytes);
  torch.free(context);
  const dropsWeights = !behaviours.has("loop-position-ids") && weights !== undefined;
  if (dropsWeights) torch.free(weights);
  torch.free(query);
  return { output, weights: dropsWeights ? undefined : weights };
}

/** OPTDecoderLayer.forward, which makes a matrix of all tokens for its MLP. */
function decoderLayer(
  torch: Torch,
  layer: number,
  hasMask: boolean,
  shape: OptShape,
  pass: ForwardPass,
  execution: Execution,
): number {
  const rows = pass.batch * pass.query;
  const { hiddenSize, intermediateSize, bias } = shape;
  const { elementBytes } = torch.runtime;
  const bytes = rows * hiddenSize * elementBytes;
  const name = blockName(layer);
  const normed = layerNorm(torch, `${name}.self_attn_layer_norm`, rows, hiddenSize, execution);
  const attended = attention(torch, layer, hasMask, shape, pass, execution);
  torch.free(normed);
  const middle = torch.rebind(attended.output, "attention_output", bytes, 2 * bytes);
  const again = layerNorm(torch, `${name}.final_layer_norm`, rows, hiddenSize, execution);
  const local = intermediateSize / pass.tensorParallel;
  const up = project(
    torch,
    `${name}.fc1`,
    { rows, inputs: hiddenSize, outputs: local, isMatrix: true },
    bias,
    execution,
  );
  torch.free(again);
  passing(execution, `${name}.activation_fn`);
  const activated = torch.rebind(up, "activation_fn", rows * local * elementBytes);
  const down = project(
    torch,
    `${name}.fc2`,
    { rows, inputs: local, outputs: hiddenSize, isMatrix: true },
    bias,
    execution,
  );
  execution.allReduce(torch.device, bytes);
  torch.free(activated);
  const output = torch.rebind(down, "mlp_output", bytes, 2 * bytes);
  torch.free(middle);
  if (attended.weights !== undefined) torch.free(attended.weights);
  return output;
}

/** OPTForCausalLM.forward. */
export function forward(
  shape: OptShape,
  pass: ForwardPass,
  execution: Execution,
  torch: Torch,
): Logits {
  const rows = pass.batch * pass.query;
  const { elementBytes, behaviours, attention: kind } = torch.runtime;
  const bytes = rows * shape.hiddenSize * elementBytes;
  const root = "model.decoder";
  torch.device = execution.deviceOf(`${root}.embed_tokens`);
  const tokens = embed(torch, `${root}.embed_tokens`, rows, shape.hiddenSize, execution);
  const isInPlace = behaviours.has("bloom-causal-mask-4d");
  const skipsMask = kind === "sdpa" && pass.staticLength === undefined;
  const inPlace = isInPlace && !skipsMask ? causalMaskInPlace(torch, pass) : undefined;
  const mask = isInPlace ? inPlace : causalMask(torch, pass);
  const offset = torch.elementwise("positions.offset", rows * 8, rows * 8);
  const positions = embed(torch, `${root}.embed_positions`, rows, shape.hiddenSize, execution);
  torch.free(offset);
  const first: Placed = {
    handle: torch.elementwise("hidden_states", bytes, 2 * bytes),
    device: torch.device,
    bytes,
  };
  const shared = mask === undefined ? [] : [mask];
  const blocks = { shape, pass, blockName, given: () => shared };
  const hidden = runBlocks(torch, execution, blocks, first, (layer) => ({
    handle: decoderLayer(torch, layer, mask !== undefined, shape, pass, execution),
  }));
  const last = `${root}.final_layer_norm`;
  const placed = finalNorm(
    torch,
    execution,
    last,
    hidden,
    () => layerNorm(torch, last, rows, shape.hiddenSize, execution),
  );
  const masks = shared.map(({ handle }) => handle);
  torch.free(hidden.handle, ...isInPlace ? [...masks, tokens] : [tokens, ...masks], positions);
  const all = behaviours.has("logits-of-all-positions") ? pass.query : 1;
  return lastLogits(torch, placed, shape, pass, execution, { positions: all });
}
