/** The forward pass of OPT, as `transformers/models/opt/modeling_opt.py` (4.57.3, 5.17.0) runs it. */
import { activate } from "./activation.ts";
import { attend, type Attended, attentionSizes } from "./attention.ts";
import { finalNorm, runBlocks } from "./blocks.ts";
import { type ForwardCall, hiddenBytes, type Logits, rowsOf } from "./family.ts";
import { lastLogits } from "./head.ts";
import { updateCache } from "./kv_cache.ts";
import { embed, layerNorm, passing, project, sumOverRanks } from "./layers.ts";
import { causalMask, causalMaskInPlace } from "./masks.ts";
import type { OptShape } from "./opt.ts";
import type { Placed } from "./torch.ts";

/** Full name of the module of one layer. */
export function blockName(layer: number): string {
  return `model.decoder.layers.${layer}`;
}

/** OPTAttention.forward; 5.x returns the probabilities, which the layer then holds until it ends. */
function attention(call: ForwardCall<OptShape>, layer: number, hasMask: boolean): Attended {
  const { torch, shape, pass } = call;
  const sizes = attentionSizes(shape, pass);
  const rows = rowsOf(pass);
  const { elementBytes, behaviours } = torch.runtime;
  const name = `${blockName(layer)}.self_attn`;
  const local = sizes.heads * shape.headDim;
  const product = { rows, inputs: shape.hiddenSize, outputs: local };
  const unscaled = project(call, `${name}.q_proj`, product, shape.bias);
  const query = torch.rebind(unscaled, "query.scaled", rows * local * elementBytes);
  const key = project(call, `${name}.k_proj`, product, shape.bias);
  const value = project(call, `${name}.v_proj`, product, shape.bias);
  updateCache(torch, layer, pass, { tokenBytes: local * elementBytes });
  torch.free(key, value);
  const { output: context, weights } = attend(torch, sizes, { hasMask, scales: true });
  const back = { rows, inputs: local, outputs: shape.hiddenSize };
  const output = project(call, `${name}.out_proj`, back, shape.bias);
  sumOverRanks(call);
  torch.free(context);
  const dropsWeights = !behaviours.has("loop-position-ids") && weights !== undefined;
  if (dropsWeights) torch.free(weights);
  torch.free(query);
  return { output, weights: dropsWeights ? undefined : weights };
}

/** The MLP of OPTDecoderLayer, which makes a matrix of all tokens for it; frees its input as soon as it is read. */
function mlp(call: ForwardCall<OptShape>, name: string, input: number): number {
  const { torch, shape, pass } = call;
  const rows = rowsOf(pass);
  const local = shape.intermediateSize / pass.tensorParallel;
  const wide = { rows, inputs: shape.hiddenSize, outputs: local, isMatrix: true };
  const up = project(call, `${name}.fc1`, wide, shape.bias);
  torch.free(input);
  passing(call, `${name}.activation_fn`);
  const bytes = rows * local * torch.runtime.elementBytes;
  const activated = activate(torch, shape.activation, { input: up, name: "activation_fn", bytes });
  const back = { rows, inputs: local, outputs: shape.hiddenSize, isMatrix: true };
  const down = project(call, `${name}.fc2`, back, shape.bias);
  sumOverRanks(call);
  torch.free(activated);
  return down;
}

/** OPTDecoderLayer.forward. */
function decoderLayer(call: ForwardCall<OptShape>, layer: number, hasMask: boolean): number {
  const { torch } = call;
  const bytes = hiddenBytes(call);
  const name = blockName(layer);
  const normed = layerNorm(call, `${name}.self_attn_layer_norm`);
  const attended = attention(call, layer, hasMask);
  torch.free(normed);
  const middle = torch.rebind(attended.output, "attention_output", bytes, 2 * bytes);
  const again = layerNorm(call, `${name}.final_layer_norm`);
  const down = mlp(call, name, again);
  const output = torch.rebind(down, "mlp_output", bytes, 2 * bytes);
  torch.free(middle);
  if (attended.weights !== undefined) torch.free(attended.weights);
  return output;
}

/** OPTForCausalLM.forward. */
export function forward(call: ForwardCall<OptShape>): Logits {
  const { torch, pass, execution } = call;
  const { behaviours, attention: kind } = torch.runtime;
  const [rows, bytes] = [rowsOf(pass), hiddenBytes(call)];
  const root = "model.decoder";
  torch.device = execution.deviceOf(`${root}.embed_tokens`);
  const tokens = embed(call, `${root}.embed_tokens`);
  const isInPlace = behaviours.has("bloom-causal-mask-4d");
  const skipsMask = kind === "sdpa" && pass.staticLength === undefined;
  const inPlace = isInPlace && !skipsMask ? causalMaskInPlace(torch, pass) : undefined;
  const mask = isInPlace ? inPlace : causalMask(torch, pass);
  const offset = torch.elementwise("positions.offset", rows * 8, rows * 8);
  const positions = embed(call, `${root}.embed_positions`);
  torch.free(offset);
  const first: Placed = {
    handle: torch.elementwise("hidden_states", bytes, 2 * bytes),
    device: torch.device,
    bytes,
  };
  const shared = mask === undefined ? [] : [mask];
  const blocks = { blockName, given: () => shared };
  const hidden = runBlocks(call, blocks, first, (layer) => ({
    handle: decoderLayer(call, layer, mask !== undefined),
  }));
  const last = finalNorm(call, `${root}.final_layer_norm`, hidden, layerNorm);
  const masks = shared.map(({ handle }) => handle);
  torch.free(hidden.handle, ...isInPlace ? [...masks, tokens] : [tokens, ...masks], positions);
  const all = behaviours.has("logits-of-all-positions") ? pass.query : 1;
  return lastLogits(call, last, { positions: all });
}
