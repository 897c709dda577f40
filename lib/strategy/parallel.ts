/** How many bytes of a parameter one rank holds under tensor parallelism or ZeRO. */
import type { Dtype } from "../language/pipeline.ts";
import type { NamedParameter } from "../model/module.ts";
import { elements } from "../trace/trace.ts";
import { DTYPE_BYTES } from "./strategy.ts";

/**
 * Elements of a parameter on one of `ranks` tensor-parallel ranks. DeepSpeed's AutoTP cuts a column-parallel
 * layer by its outputs, bias included, and a row-parallel one by its inputs, whose bias every rank keeps
 * (`deepspeed/module_inject/layers.py`).
 */
export function tensorParallelElements(
  { module, parameter }: NamedParameter,
  ranks: number,
): number {
  const all = elements(parameter.shape);
  if (module.parallel === "column") return all / ranks;
  if (module.parallel === "row" && parameter.name === "weight") return all / ranks;
  return all;
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
