/** How many bytes of a parameter one rank holds under tensor parallelism or ZeRO. */
import type { Dtype } from "../language/pipeline.ts";
import type { NamedParameter } from "../model/module.ts";
import { elements } from "../trace/trace.ts";
import { DTYPE_BYTES } from "./strategy.ts";

/** How dimensions are cut that are not made of heads. */
export interface Cut {
  readonly ranks: number;
  /** The MLP and the head are cut in multiples of this: `tp_grain_size`. */
  readonly grain: number;
}

/**
 * Elements of a parameter on the first of the tensor-parallel ranks, which has the most. DeepSpeed's AutoTP cuts a
 * column-parallel layer by its outputs, bias included, and a row-parallel one by its inputs, whose bias every rank keeps
 * (`deepspeed/module_inject/layers.py`). Attention is cut by heads, which the ranks divide.
 */
export function tensorParallelElements(named: NamedParameter, { ranks, grain }: Cut): number {
  const { name, module, parameter } = named;
  const { shape } = parameter;
  const isRow = module.parallel === "row";
  if (module.parallel === undefined || isRow && parameter.name !== "weight") return elements(shape);
  const size = shape[isRow ? 1 : 0] ?? 1;
  const part = name.includes("mlp.") ? cutSize(size, { ranks, grain }) : size / ranks;
  return elements(shape) / size * part;
}

/** The part of the first rank: whole grains, one more than others where they do not come out even. */
export function cutSize(size: number, { ranks, grain }: Cut): number {
  if (size < grain) return Math.ceil(size / ranks);
  const grains = Math.floor(size / grain);
  // What is less than a grain goes to the last rank.
  return ranks === 1 ? size : Math.ceil(grains / ranks) * grain;
}

/** Elements of a parameter in one ZeRO-3 partition: an equal part, padded to whole elements. */
export function zeroPartitionElements({ parameter }: NamedParameter, ranks: number): number {
  return Math.ceil(elements(parameter.shape) / ranks);
}

/**
 * Bytes of one element of a parameter. bitsandbytes and DeepSpeed quantize the matrices of the layers; embeddings, the
 * head, norms and biases stay float16. The scales, 4 bytes a row or less, are not counted.
 */
export function weightElementBytes({ module, parameter }: NamedParameter, dtype: Dtype): number {
  const isQuantized = module.parallel !== undefined && parameter.shape.length === 2;
  return dtype === "int8" && !isQuantized ? DTYPE_BYTES.float16 : DTYPE_BYTES[dtype];
}
