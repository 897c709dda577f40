/**
 * How long a plan of 1,000 cells takes, from the start of the process to the last byte of its JSON: ten configurations
 * with a hundred batches each, reserved memory included, of BLOOM-176B on eight A100s and of Llama-2-70B on eight H100s.
 * With the path of a Python that has accelerate, the time of its estimator stands beside it, which makes one estimate of
 * the weights alone.
 *
 *     deno run -A bench/plan_1000_cells.ts [RUNS [PYTHON]]
 */
import { estimatorTime } from "./estimator.ts";
import { measure, summary } from "./processes.ts";

const PIPELINE = (model: string, hardware: string) => `
name: thousand-cells
model: ${model}
hardware: ${hardware}
generate: { max_new_tokens: 100 }
prompts: { tokens: 8 }
strategies:
  - { name: auto, use: accelerate, dtype: bfloat16 }
  - { name: auto-float16, use: accelerate, dtype: float16 }
  - { name: low-0, use: accelerate, dtype: bfloat16, deviceMap: balanced_low_0 }
  - { name: sequential, use: accelerate, dtype: bfloat16, deviceMap: sequential }
  - { name: auto-expandable, use: accelerate, dtype: bfloat16, allocator: expandable }
  - { name: tp-float16, use: ds-inference, dtype: float16 }
  - { name: tp-bfloat16, use: ds-inference, dtype: bfloat16 }
  - { name: zero, use: ds-zero, dtype: bfloat16 }
  - { name: zero-cpu, use: ds-zero, dtype: float16, offload: cpu }
  - { name: zero-expandable, use: ds-zero, dtype: bfloat16, allocator: expandable }
grid: { batchSize: [${Array.from({ length: 100 }, (_, index) => index + 1).join(", ")}] }
`;

const MODELS = [
  ["bigscience/bloom", "jean-zay-a100-8"],
  ["meta-llama/Llama-2-70b-hf", "{ devices: 8x H100-SXM5-80GB, memory: 2TB }"],
] as const;

const BOUND_SECONDS = 1;

const [count = "3", python] = Deno.args;
const runs = Number(count);
const folder = await Deno.makeTempDir();
try {
  const path = `${folder}/thousand.yaml`;
  const cli = new URL("../cli.ts", import.meta.url).pathname;
  const empty = await measure(["eval", "0"], runs);
  console.log(`empty Deno process  ${summary(empty.seconds)}`);
  for (const [model, hardware] of MODELS) {
    await Deno.writeTextFile(path, PIPELINE(model, hardware));
    const planned = await measure(["run", "-A", cli, "plan", path, "--format", "json"], runs);
    const { cells } = JSON.parse(planned.stdout);
    const best = Math.min(...planned.seconds);
    console.log(`\n${model}`);
    console.log(`cells planned       ${cells.length}`);
    console.log(`whole process       ${summary(planned.seconds)}`);
    console.log(`of the bound of ${BOUND_SECONDS} s  ${(best / BOUND_SECONDS).toFixed(2)}`);
    console.log(`for each cell       ${(1000 * best / cells.length).toFixed(1)} ms`);
  }
  if (python !== undefined) console.log(await estimatorTime(python));
} finally {
  await Deno.remove(folder, { recursive: true });
}
