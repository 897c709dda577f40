/**
 * How long `suggest` takes for BLOOM-176B with three strategies, from the start of the process to the last byte: the largest
 * batches, what would make two cells fit, and the smallest hardware of the catalog for each strategy.
 *
 *     deno run -A bench/suggest.ts [RUNS]
 */
import { measure, summary } from "./processes.ts";

const BOUND_SECONDS = 3;

const [count = "3"] = Deno.args;
const here = (path: string) => new URL(path, import.meta.url).pathname;
const { seconds } = await measure(
  ["run", "-A", here("../cli.ts"), "suggest", here("../pipelines/bloom.yaml")],
  Number(count),
);
console.log(`whole process       ${summary(seconds)}`);
console.log(
  `of the bound of ${BOUND_SECONDS} s  ${(Math.min(...seconds) / BOUND_SECONDS).toFixed(2)}`,
);
