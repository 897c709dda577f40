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

/** How a parameter is cut: rank r keeps `sizes[r]` rows (dimension 0) or columns (1), behind those of the ranks before. */
export interface Parts {
  readonly dimension: 0 | 1;
  readonly sizes: readonly number[];
}

/**
 * How DeepSpeed's AutoTP cuts a parameter; undefined where every rank keeps all of it. A column-parallel layer is cut by its
 * outputs, bias included, and a row-parallel one by its inputs, whose bias every rank keeps
 * (`deepspeed/module_inject/layers.py`). Attention is cut by heads, which the ranks divide; so is a fused projection that
 * has query, key and value of a head side by side.
 */
export function tensorParallelParts(named: NamedParameter, cut: Cut): Parts | undefined {
  const { name, module, parameter } = named;
  const isRow = module.parallel === "row";
  if (module.parallel === undefined || isRow && parameter.name !== "weight") return undefined;
  const dimension = isRow ? 1 : 0;
  const size = parameter.shape[dimension] ?? 1;
  const { ranks } = cut;
  const isEven = !name.includes("mlp.") && size % ranks === 0;
  const sizes = isEven ? Array.from({ length: ranks }, () => size / ranks) : cutSizes(size, cut);
  return { dimension, sizes };
}

/** Elements of the largest part. */
export function partElements(shape: readonly number[], parts: Parts | undefined): number {
  const all = elements(shape);
  return parts === undefined ? all : all / (shape[parts.dimension] ?? 1) * Math.max(...parts.sizes);
}

/** The parts of all ranks (`get_shard_size`): whole grains, the first ranks one more where they do not come out even. */
export function cutSizes(size: number, { ranks, grain }: Cut): number[] {
  const unit = size < grain ? 1 : grain;
  const units = Math.floor(size / unit);
  return Array.from({ length: ranks }, (_, rank) => {
    const part = (Math.floor(units / ranks) + (rank < units % ranks ? 1 : 0)) * unit;
    // What is less than a grain goes to the last rank.
    return rank === ranks - 1 ? part + size % unit : part;
  });
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
