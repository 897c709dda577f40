/** A node with 503.6 GiB was full when it had pinned BLOOM-176B (deepspeedai/DeepSpeed#2918: 502.63 GiB, 99.8 %). */
import assert from "node:assert/strict";
import { predictsOom } from "../../lib/plan/selection.ts";
import { cellOf, planOf } from "./compile_text.ts";

const PIPELINE = `
name: pinned
model: bigscience/bloom
hardware: jean-zay-a100-8
stack: "2022-09"
generate: { max_new_tokens: 10 }
prompts: { tokens: 8 }
strategies:
  - { name: pinned, use: ds-zero, dtype: bfloat16, offload: cpu }
  - { name: plain, use: ds-zero, dtype: bfloat16, offload: cpu, pinMemory: false }
grid: { batchSize: [1] }
`;

Deno.test("pinned offload of BLOOM-176B needs more than a node of 512 GB, without pinning it fits", async () => {
  const plan = await planOf(PIPELINE);
  const [pinned, plain] = ["pinned", "plain"].map((name) => cellOf(plan, `${name}/batchSize=1`));
  assert.ok(pinned && plain);
  const [host] = pinned.prediction.hosts;
  assert.ok(host);
  // 497 GB of parameters, rounded up to powers of two, and the head's blocks.
  assert.ok(host.pinnedBytes > 497e9 && host.pinnedBytes < 515e9, String(host.pinnedBytes));
  assert.equal(pinned.prediction.limit?.resource, "host");
  assert.ok(predictsOom(pinned));
  assert.ok((plain.prediction.hosts[0]?.peakBytes.mid ?? 0) < 460e9);
});
