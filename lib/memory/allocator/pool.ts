/** Pools: blocks of one do not serve requests of another. */
import type { Blocks } from "./blocks.ts";
import { FreeList } from "./free_list.ts";
import { SMALL_UNITS } from "./rules.ts";

/** Cached blocks of one stream and one class of sizes. */
export interface Pool {
  readonly index: number;
  readonly small: boolean;
  readonly free: FreeList;
  /** A cached block is split when it has at least this many units more than the request. */
  readonly splitFrom: number;
  /** Searches so far, for the age of cached blocks. */
  searches: number;
  /** Times that the driver gave memory for it. */
  growths: number;
}

/** An empty pool; even ones are small pools, the two of a stream beside each other. */
export function makePool(index: number, blocks: Blocks, isExpandable: boolean): Pool {
  const small = index % 2 === 0;
  return {
    index,
    small,
    free: new FreeList(blocks),
    splitFrom: small || isExpandable ? 1 : SMALL_UNITS + 1,
    searches: 0,
    growths: 0,
  };
}
