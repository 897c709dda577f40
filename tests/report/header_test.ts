import assert from "node:assert/strict";
import { headerFacts } from "../../lib/report/header.ts";
import { cell, plan } from "./builders.ts";

const GIB = 2 ** 30;

function factsOf(
  changes: Parameters<typeof plan>[1],
  cells = [cell({ use: "ds-zero", batchSize: 1 })],
) {
  return Object.fromEntries(headerFacts(plan(cells, changes), cells));
}

Deno.test("the header says what is asked, on what, with which versions", () => {
  const cells = [cell({ use: "accelerate", batchSize: 1 }), cell({ use: "ds-zero", batchSize: 1 })];
  assert.deepEqual(factsOf({}, cells), {
    model: "bigscience/bloom, 176.2B parameters, 328.3 GiB in bfloat16, on-device weights",
    hardware: "jean-zay-a100-8, 1 node of 8x A100-SXM4-80GB (79.2 GiB each), " +
      "476.8 GiB of host memory, disk 3.00 GB/s",
    stack:
      "2022-07 (predict only): torch 1.12.0, transformers 4.20.1, accelerate 0.11.0, deepspeed 0.6.7",
    workload: "8 prompt tokens, 100 new tokens; 1 warm-up, 5 timed",
  });
});

Deno.test("dtypes of one size share it, others have their own", () => {
  const base = cell({ use: "ds-zero", batchSize: 1 });
  const cells = (["bfloat16", "float32", "float16"] as const).map((dtype) => ({
    ...base,
    strategy: { ...base.strategy, dtype },
  }));
  assert.match(
    factsOf({}, cells)["model"] ?? "",
    /, 328\.3 GiB in bfloat16 and float16, 656\.6 GiB in float32, /,
  );
});

Deno.test("hardware without a name, capacity, host memory or disk says nothing of them", () => {
  const hardware = { nodes: 2, devices: { count: 2, kind: "cpu", capacityBytes: null } };
  assert.equal(factsOf({ hardware })["hardware"], "2 nodes of 2x cpu");
});

Deno.test("lengths that the grid varies are listed", () => {
  const cells = [128, 512].map((promptTokens) =>
    cell({ use: "ds-zero", batchSize: 1, axes: { promptTokens } })
  );
  assert.match(factsOf({}, cells)["workload"] ?? "", /^128\/512 prompt tokens, 100 new tokens;/);
});

Deno.test("a budget has a line only when it caps something", () => {
  assert.ok(!Object.hasOwn(factsOf({ budget: { predictedOom: "run" } }), "budget"));
  const budget = { predictedOom: "run", deviceBytes: 3 * GIB, hostBytes: 8 * GIB } as const;
  assert.equal(factsOf({ budget })["budget"], "3.00 GiB per device, 8.00 GiB per host");
});
