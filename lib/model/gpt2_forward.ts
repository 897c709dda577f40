/** The forward pass of GPT-2, as `transformers/models/gpt2/modeling_gpt2.py` (4.57.3, 5.17.0) runs it. */
import { activate } from "./activation.ts";
import { attend, type Attended, attentionSizes } from "./attention.ts";
import { finalNorm, runBlocks } from "./blocks.ts";
import { type ForwardCall, hiddenBytes, type Logits, rowsOf } from "./family.ts";
import type { Gpt2Shape } from "./gpt2.ts";
import { lastLogits } from "./head.ts";
import { updateCache } from "./kv_cache.ts";
import { embed, layerNorm, passing, project, sumOverRanks } from "./layers.ts";
import { causalMask } from "./masks.ts";
import type { Placed } from "./torch.ts";

/** Full name of the module of one layer. */
export function blockName(layer: number): string {
  return `transformer.h.${layer}`;
}

/** GPT2Attention.forward, whose layers (Conv1D) make a matrix of all tokens and call `addmm` themselves. */
function attention(call: ForwardCall<Gpt2Shape>, layer: number, hasMask: boolean): Attended {
  const { torch, shape, pass } = call;
  const sizes = attentionSizes(shape, pass);
  const rows = rowsOf(pass);
  const { elementBytes, attention: kind, behaviours } = torch.runtime;
  const name = `${blockName(layer)}.attn`;
  const local = sizes.heads * shape.headDim;
  const product = { rows, inputs: shape.hiddenSize, outputs: 3 * local, isMatrix: true };
  const qkv = project(call, `${name}.c_attn`, product, true);
  updateCache(torch, layer, pass, {
    tokenBytes: local * elementBytes,
    inProjection: ["key", "value"],
  });
  const { output: context, weights } = attend(torch, sizes, {
    hasMask,
    scales: true,
    // Before 5.0 the scores also go through a where with a causal mask of the module's own.
    masksTwice: !behaviours.has("loop-position-ids"),
    inProjection: true,
    softmaxInDtype: true,
  });
  const back = { rows, inputs: local, outputs: shape.hiddenSize, isMatrix: true };
  // Before 5.0 eager attention calls a module; sdpa never does.
  if (kind === "eager" && !behaviours.has("loop-position-ids")) {
    passing(call, `${name}.attn_dropout`);
  }
  const output = project(call, `${name}.c_proj`, back, true);
  passing(call, `${name}.resid_dropout`);
  sumOverRanks(call);
  torch.free(context, qkv);
  return { output, weights };
}

/** GPT2MLP.forward. */
function mlp(call: ForwardCall<Gpt2Shape>, name: string): number {
  const { torch, shape, pass } = call;
  const rows = rowsOf(pass);
  const local = shape.intermediateSize / pass.tensorParallel;
  const wide = { rows, inputs: shape.hiddenSize, outputs: local, isMatrix: true };
  const up = project(call, `${name}.c_fc`, wide, true);
  passing(call, `${name}.act`);
  const bytes = rows * local * torch.runtime.elementBytes;
  const activated = activate(torch, shape.activation, { input: up, name: "act", bytes });
  const back = { rows, inputs: local, outputs: shape.hiddenSize, isMatrix: true };
  const down = project(call, `${name}.c_proj`, back, true);
  passing(call, `${name}.dropout`);
  sumOverRanks(call);
  torch.free(activated);
  return down;
}

/** GPT2Block.forward. */
function block(call: ForwardCall<Gpt2Shape>, layer: number, hasMask: boolean): number {
  const { torch } = call;
  const bytes = hiddenBytes(call);
  const name = blockName(layer);
  const normed = layerNorm(call, `${name}.ln_1`);
  const attended = attention(call, layer, hasMask);
  const middle = torch.rebind(normed, "attention_output", bytes, 2 * bytes);
  const again = layerNorm(call, `${name}.ln_2`);
  const down = mlp(call, `${name}.mlp`);
  const output = torch.rebind(again, "mlp_output", bytes, 2 * bytes);
  torch.free(middle, attended.output);
  if (attended.weights !== undefined) torch.free(attended.weights);
  torch.free(down);
  return output;
}

/** GPT2LMHeadModel.forward. */
export function forward(call: ForwardCall<Gpt2Shape>): Logits {
  const { torch, pass, execution } = call;
  const bytes = hiddenBytes(call);
  torch.device = execution.deviceOf("transformer.wte");
  const tokens = embed(call, "transformer.wte");
  const positions = embed(call, "transformer.wpe");
  const first: Placed = {
    handle: torch.elementwise("hidden_states", bytes, 2 * bytes),
    device: torch.device,
    bytes,
  };
  passing(call, "transformer.drop");
  const mask = causalMask(torch, pass);
  const shared = mask === undefined ? [] : [mask];
  const blocks = { blockName, given: () => shared };
  const hidden = runBlocks(call, blocks, first, (layer) => ({
    handle: block(call, layer, mask !== undefined),
  }));
  const last = finalNorm(call, "transformer.ln_f", hidden, layerNorm);
  // The order of the names in the function.
  const masks = shared.map(({ handle }) => handle);
  const isNew = torch.runtime.behaviours.has("loop-position-ids");
  torch.free(hidden.handle, tokens, ...isNew ? [positions, ...masks] : [...masks, positions]);
  return lastLogits(call, last);
}
