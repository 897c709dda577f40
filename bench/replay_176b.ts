/**
 * How long the exact replay of one BLOOM-176B cell takes: 70 layers, 8 prompt tokens and 100 new ones, every
 * allocation through the allocators of all devices. With the path of a Python that has accelerate, the time of its
 * estimator stands beside it, on a model of the same shape made without weights.
 *
 *     deno run -A bench/replay_176b.ts [PYTHON]
 */
import { parseText } from "../lib/commands/input.ts";
import { planContext } from "../lib/commands/make_plan.ts";
import { CachingAllocator } from "../lib/memory/allocator/allocator.ts";
import { configure } from "../lib/plan/configuration.ts";
import { programOf } from "../lib/plan/programs.ts";
import { resolve } from "../lib/plan/resolve.ts";
import { estimatorTime } from "./estimator.ts";

const PIPELINE = `
name: one-cell
model: bigscience/bloom
hardware: jean-zay-a100-8
generate: { max_new_tokens: 100 }
prompts: { tokens: 8 }
strategies: [{ use: accelerate, dtype: bfloat16 }, { use: ds-zero, dtype: bfloat16 }]
grid: { batchSize: [8, 32] }
`;

const BOUND_MS = 50;
const ROUNDS = 7;

const { parsed } = parseText(PIPELINE, "one-cell.yaml");
if (parsed === undefined) throw new Error("The pipeline of the benchmark does not parse");
const context = planContext("one-cell.yaml");
const { value: resolved } = resolve(parsed.pipeline, context);
if (resolved === undefined) throw new Error("The pipeline of the benchmark does not resolve");
for (const cell of parsed.cells) {
  const { placement } = configure(cell.strategy, parsed.pipeline, resolved);
  if (placement === undefined) throw new Error(`Cannot place ${cell.id}`);
  const compiled = programOf(placement, cell);
  const devices = [...new Set(placement.devices.map(({ traced }) => traced))];
  const replays = new Set(devices.map((device) => compiled.replay(device)));
  const times = Array.from({ length: ROUNDS }, () => {
    const start = performance.now();
    for (const replay of replays) replay.run(cell.batchSize, new CachingAllocator());
    return performance.now() - start;
  }).sort((a, b) => a - b);
  const [best = NaN] = times;
  console.log(
    `${cell.id.padEnd(26)} ${replays.size} allocators, best ${best.toFixed(1)} ms, first ` +
      `${times.at(-1)?.toFixed(1)} ms at most; of the bound of ${BOUND_MS} ms: ` +
      (best / BOUND_MS).toFixed(2),
  );
}
const [python] = Deno.args;
if (python !== undefined) {
  console.log(await estimatorTime(python));
}
