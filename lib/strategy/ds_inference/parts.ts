/** Which rows or columns of each parameter a tensor-parallel rank keeps. */
import type { NamedParameter } from "../../model/module.ts";
import { type Cut, cutSizes, type Parts, tensorParallelParts } from "../parallel.ts";

/** Default of `tp_grain_size` (deepspeed/inference/config.py). */
export const TENSOR_PARALLEL_GRAIN = 64;

/** Names under which AutoTP looks for the head (module_inject/auto_tp.py, `_default_lm_head_patterns`). */
const HEADS: readonly string[] = ["lm_head.weight", "embed_out.weight"];

/**
 * The parts of one parameter; undefined where every rank keeps all of it. A head is cut by its inputs; one that is tied is
 * cloned before, so that the embedding stays whole.
 */
export function partsOf(
  named: NamedParameter,
  { lmHeadSplit, ...cut }: Cut & { readonly lmHeadSplit: boolean },
): Parts | undefined {
  const { name, parameter } = named;
  if (!lmHeadSplit || !HEADS.includes(name)) {
    return parameter.tiedTo === undefined ? tensorParallelParts(named, cut) : undefined;
  }
  return { dimension: 1, sizes: cutSizes(parameter.shape[1] ?? 1, cut) };
}
