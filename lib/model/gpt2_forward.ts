/** The forward pass of GPT-2, as `transformers/models/gpt2/modeling_gpt2.py` (4.57.3, 5.17.0) runs it. */
import { attentionSizes, eagerAttention, sdpaAttention } from "./attention.ts";
import { finalNorm, runBlocks } from "./blocks.ts";
import type { Execution, ForwardPass, Logits } from "./family.ts";
import type { Gpt2Shape } from "./gpt2.ts";
import { lastLogits } from "./head.ts";
import { updateCache } from "./kv_cache.ts";
import { embed, layerNorm, passing, project } from "./layers.ts";
import { causalMask } from "./masks.ts";
import type { Placed, Torch } from "./torch.ts";

/** Full name of the module of one layer. */
export function blockName(layer: number): string {
  return `transformer.h.${layer}`;
}

/** GPT2Attention.forward, whose layers (Conv1D) make a matrix of all tokens and call `addmm` themselves. */
function attention(
  torch: Torch,
  layer: number,
  hasMask: boolean,
  shape: Gpt2Shape,
  pass: ForwardPass,
  execution: Execution,
): { output: number; weights: number | undefined } {
  const sizes = attentionSizes(shape, pass);
  const rows = pass.batch * pass.query;
  const { elementBytes, attention: kind, behaviours } = torch.runtime;
  const name = `${blockName(layer)}.attn`;
  const local = sizes.heads * shape.headDim;
  const product = { rows, inputs: shape.hiddenSize, outputs: 3 * local, isMatrix: true };
  const qkv = project(torch, `${name}.c_attn`, product, true, execution);
  updateCache(torch, layer, pass, local * elementBytes);
  const attend = kind === "eager" ? eagerAttention : sdpaAttention;
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
    passing(execution, `${name}.attn_dropout`);
  }
  const output = project(torch, `${name}.c_proj`, back, true, execution);
  passing(execution, `${name}.resid_dropout`);
  execution.allReduce(torch.device, rows * shape.hiddenSize * elementBytes);
  torch.free(context, qkv);
  return { output, weights };
}

/** 0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x ** 3))), every step a tensor of its own. */
function geluNew(torch: Torch, bytes: number): number {
  const half = torch.elementwise("gelu.half", bytes, bytes);
  const cube = torch.elementwise("gelu.cube", bytes, bytes);
  const scaled = torch.rebind(cube, "gelu.scaled", bytes);
  const sum = torch.rebind(scaled, "gelu.sum", bytes, 2 * bytes);
  const inner = torch.rebind(sum, "gelu.inner", bytes);
  const tanh = torch.rebind(inner, "gelu.tanh", bytes);
  const onePlus = torch.rebind(tanh, "gelu.one_plus", bytes);
  const output = torch.elementwise("gelu", bytes, 2 * bytes);
  torch.free(half, onePlus);
  return output;
}

/** GPT2Block.forward. */
function block(
  torch: Torch,
  layer: number,
  hasMask: boolean,
  shape: Gpt2Shape,
  pass: ForwardPass,
  execution: Execution,
): number {
  const rows = pass.batch * pass.query;
  const { hiddenSize } = shape;
  const { elementBytes } = torch.runtime;
  const bytes = rows * hiddenSize * elementBytes;
  const name = blockName(layer);
  const normed = layerNorm(torch, `${name}.ln_1`, rows, hiddenSize, execution);
  const attended = attention(torch, layer, hasMask, shape, pass, execution);
  const middle = torch.rebind(normed, "attention_output", bytes, 2 * bytes);
  const again = layerNorm(torch, `${name}.ln_2`, rows, hiddenSize, execution);
  const local = shape.intermediateSize / pass.tensorParallel;
  const wide = { rows, inputs: hiddenSize, outputs: local, isMatrix: true };
  const up = project(torch, `${name}.mlp.c_fc`, wide, true, execution);
  passing(execution, `${name}.mlp.act`);
  const activated = geluNew(torch, rows * local * elementBytes);
  torch.free(up);
  const back = { rows, inputs: local, outputs: hiddenSize, isMatrix: true };
  const down = project(torch, `${name}.mlp.c_proj`, back, true, execution);
  passing(execution, `${name}.mlp.dropout`);
  execution.allReduce(torch.device, bytes);
  torch.free(activated);
  const output = torch.rebind(again, "mlp_output", bytes, 2 * bytes);
  torch.free(middle, attended.output);
  if (attended.weights !== undefined) torch.free(attended.weights);
  torch.free(down);
  return output;
}

/** GPT2LMHeadModel.forward. */
export function forward(
  shape: Gpt2Shape,
  pass: ForwardPass,
  execution: Execution,
  torch: Torch,
): Logits {
  const rows = pass.batch * pass.query;
  const bytes = rows * shape.hiddenSize * torch.runtime.elementBytes;
  torch.device = execution.deviceOf("transformer.wte");
  const tokens = embed(torch, "transformer.wte", rows, shape.hiddenSize, execution);
  const positions = embed(torch, "transformer.wpe", rows, shape.hiddenSize, execution);
  const first: Placed = {
    handle: torch.elementwise("hidden_states", bytes, 2 * bytes),
    device: torch.device,
    bytes,
  };
  passing(execution, "transformer.drop");
  const mask = causalMask(torch, pass);
  const shared = mask === undefined ? [] : [mask];
  const blocks = { shape, pass, blockName, given: () => shared };
  const hidden = runBlocks(torch, execution, blocks, first, (layer) => ({
    handle: block(torch, layer, mask !== undefined, shape, pass, execution),
  }));
  const placed = finalNorm(
    torch,
    execution,
    "transformer.ln_f",
    hidden,
    () => layerNorm(torch, "transformer.ln_f", rows, shape.hiddenSize, execution),
  );
  // The order of the names in the function.
  const masks = shared.map(({ handle }) => handle);
  const isNew = torch.runtime.behaviours.has("loop-position-ids");
  torch.free(hidden.handle, tokens, ...isNew ? [positions, ...masks] : [...masks, positions]);
  return lastLogits(torch, placed, shape, pass, execution);
}
