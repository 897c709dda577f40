/**
 * The layer that kernel injection puts in place of the model's own: what DeepSpeed's Python launches, and what of it
 * PyTorch allocates (`ops/transformer/inference` and `csrc/transformer/inference/csrc/pt_binding.cpp`). Most results
 * are parts of the workspace, which is there already.
 */
import type { BlockOutput, Execution, LayerCall } from "../../../model/family.ts";
import type { ProductShape, Torch } from "../../../model/torch.ts";
import { bloomAttention } from "./bloom_attention.ts";

/** What the layers of families and dtypes differ in. */
export interface InjectedKind {
  /** Attention of BLOOM is written in Python and keeps its cache in PyTorch's tensors. */
  readonly isBloom: boolean;
  /** Llama's layers have RMS norms, no biases and a gated MLP. */
  readonly isGated: boolean;
  readonly isRotary: boolean;
  /** int8 matrices are made float16 again before each product. */
  readonly isQuantized: boolean;
}

/** Makes the `layer` of an execution. */
export function injectedLayer(
  kind: InjectedKind,
  allReduce: Execution["allReduce"],
): NonNullable<Execution["layer"]> {
  return (torch, call) => runLayer(torch, call, kind, allReduce);
}

function runLayer(
  torch: Torch,
  { layer, hidden, isHeld, shape, pass }: LayerCall,
  kind: InjectedKind,
  allReduce: Execution["allReduce"],
): BlockOutput {
  const { elementBytes, behaviours } = torch.runtime;
  const { hiddenSize, headDim, intermediateSize } = shape;
  const ranks = pass.tensorParallel;
  const rows = pass.batch * pass.query;
  const hiddenBytes = hidden.bytes;
  const heads = shape.heads / ranks;
  const local = heads * headDim;
  const projected = local + 2 * shape.kvHeads / ranks * headDim;
  const inWorkspace = behaviours.has("kernel-injection-writes-workspace");
  const product = (name: string, sizes: ProductShape) => gemm(torch, name, sizes, kind.isQuantized);
  const result = (name: string) => inWorkspace ? undefined : torch.tensor(name, hiddenBytes);

  // qkv_gemm: norm, product, bias.
  torch.kernel("input_norm", 2 * hiddenBytes);
  product("qkv_gemm", { rows, inputs: hiddenSize, outputs: projected });
  if (!kind.isGated) torch.kernel("bias_add", 2 * rows * projected * elementBytes);

  const attend = kind.isBloom ? bloomAttention : contextAttention;
  const context = attend(torch, { layer, shape, pass, isRotary: kind.isRotary });
  const attended = result("attention_output");
  product("vector_matmul", { rows, inputs: local, outputs: hiddenSize });
  allReduce(torch.device, hiddenBytes);

  // mlp_gemm: residual and norm, product, activation with bias, product.
  const normed = result("mlp.norm");
  torch.kernel("residual_norm", 3 * hiddenBytes);
  const inner = intermediateSize / ranks;
  const widened = kind.isGated ? 2 * inner : inner;
  product("mlp_gemm", { rows, inputs: hiddenSize, outputs: widened });
  torch.kernel("activation", rows * (widened + inner) * elementBytes);
  const output = result("layer_output");
  product("mlp_gemm_out", { rows, inputs: inner, outputs: hiddenSize });
  torch.kernel("residual_add", 4 * hiddenBytes);
  allReduce(torch.device, hiddenBytes);

  for (const local of [normed, attended, context]) if (local !== undefined) torch.free(local);
  // The sum takes the place of the input, which stays; a caller that names it frees it by itself.
  const inPlace = isHeld ? torch.tensor("layer_output", 0) : hidden.handle;
  return { handle: output ?? inPlace };
}

/** `cublas_gemm_ex` on a matrix of the layer; an int8 one is turned into float16 before (`quantized_gemm`). */
function gemm(torch: Torch, name: string, sizes: ProductShape, isQuantized: boolean): void {
  const { rows, inputs, outputs } = sizes;
  const { elementBytes } = torch.runtime;
  const weights = inputs * outputs;
  const whole = isQuantized ? torch.tensor(`${name}.float16`, weights * elementBytes) : undefined;
  if (isQuantized) {
    torch.kernel(`${name}.dequantize`, weights * (1 + elementBytes), weights, "product");
  }
  const bytes = (rows * inputs + weights + rows * outputs) * elementBytes;
  torch.kernel(name, bytes, 2 * rows * weights, "product");
  if (whole !== undefined) torch.free(whole);
}

/** What attention is called with. */
export interface AttentionCall extends Pick<LayerCall, "layer" | "shape" | "pass"> {
  readonly isRotary: boolean;
}

/** `softmax_context`: keys and values go into the cache of the workspace, and nothing is PyTorch's. */
function contextAttention(torch: Torch, { shape, pass, isRotary }: AttentionCall): undefined {
  const { elementBytes } = torch.runtime;
  const { batch, query, past, tensorParallel } = pass;
  const heads = shape.heads / tensorParallel;
  const rows = batch * query;
  const localBytes = rows * heads * shape.headDim * elementBytes;
  const kvBytes = rows * shape.kvHeads / tensorParallel * shape.headDim * elementBytes;
  const keys = past + query;
  const scores = batch * heads * query * keys;
  const scoresBytes = scores * elementBytes;
  const cacheBytes = batch * keys * heads * shape.headDim * elementBytes;
  const flops = 2 * scores * shape.headDim;
  torch.kernel("bias_add_transform", 2 * (localBytes + 2 * kvBytes));
  if (isRotary) torch.kernel("rotary", 2 * (localBytes + kvBytes));
  torch.kernel("attention_scores", localBytes + cacheBytes + scoresBytes, flops);
  torch.kernel("attn_softmax", 2 * scoresBytes);
  torch.kernel("context", scoresBytes + cacheBytes + localBytes, flops);
  torch.kernel("transform", 2 * localBytes);
  return undefined;
}
