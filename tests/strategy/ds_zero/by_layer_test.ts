import assert from "node:assert/strict";
import type { DsZeroSpec } from "../../../lib/language/pipeline.ts";
import { settle } from "../../../lib/plan/settle.ts";
import { dsZero } from "../../../lib/strategy/ds_zero/mod.ts";
import { catalogShape } from "../../model/shapes.ts";
import { CPU, dsZeroSpec, GPU, strategyContext } from "../contexts.ts";

const NEW = { torch: "2.11.0", transformers: "5.17.0", accelerate: "1.15.0", deepspeed: "0.19.8" };
const BLOOM_7B1 = catalogShape("bigscience/bloom-7b1");

type Changes = Parameters<typeof strategyContext>[0] & { isScript?: boolean };

function settled(spec: Partial<DsZeroSpec> = {}, { isScript, ...changes }: Changes = {}) {
  const context = {
    ...strategyContext({ use: "ds-zero", shape: BLOOM_7B1, stack: NEW, ...changes }),
    ...(isScript === undefined ? {} : { isScript }),
  };
  const { spec: found } = settle(dsZeroSpec(spec), context);
  assert.ok(found.use === "ds-zero");
  return found.gather;
}

Deno.test("layers are gathered whole on GPUs where DeepSpeed knows leaf modules", () => {
  assert.equal(settled(), "layer");
  assert.equal(settled({ offload: "cpu" }), "layer");
  assert.equal(settled({}, { deviceCount: 1 }), "layer");
});

Deno.test("what was written stays, and what a script or a configuration of one's own says", () => {
  assert.equal(settled({ gather: "module" }), "module");
  assert.equal(settled({}, { isScript: true }), undefined);
  const zero = (zero_optimization: Record<string, unknown>) => ({ config: { zero_optimization } });
  assert.equal(settled(zero({ leaf_module: { names: ["transformer.h.1"] } })), undefined);
  assert.equal(settled(zero({ stage3_module_granularity_threshold: 5 })), undefined);
  assert.equal(settled(zero({ overlap_comm: false })), "layer");
});

Deno.test("old libraries, drives and cpu devices gather module by module", () => {
  assert.equal(settled({}, { stack: { ...NEW, deepspeed: "0.17.6" } }), undefined);
  assert.equal(settled({}, { stack: "2022-07" }), undefined);
  assert.equal(settled({ offload: "nvme", nvmePath: "/nvme" }), undefined);
  assert.equal(settled({}, { device: CPU }), undefined);
});

Deno.test("layers that the limit of live parameters cannot hold two of are gathered in parts, unless nothing is", () => {
  const wide = { shape: { ...catalogShape("bigscience/bloom"), layers: 4 } };
  assert.equal(settled({}, { ...wide, deviceCount: 2 }), undefined);
  const config = { zero_optimization: { stage3_max_live_parameters: 6e9 } };
  assert.equal(settled({ config }, { ...wide, deviceCount: 2 }), "layer");
  assert.equal(settled({}, { ...wide, deviceCount: 1 }), "layer");
});

Deno.test("a device without room keeps to modules", () => {
  // 7.1 GB of shards, 4.1 GB for the embedding while it is gathered, and the libraries.
  assert.equal(settled({}, { device: { ...GPU, memoryBytes: 16e9 } }), "layer");
  assert.equal(settled({}, { device: { ...GPU, memoryBytes: 13e9 } }), undefined);
});

Deno.test("a layer that is asked for in vain is told with the reason", () => {
  const messageOf = (spec: Partial<DsZeroSpec>, changes: Changes = {}) => {
    const context = strategyContext({ use: "ds-zero", stack: NEW, ...changes });
    const { diagnostics } = dsZero.place(dsZeroSpec({ ...spec, gather: "layer" }), context);
    return diagnostics.map(({ code, path, message }) => [code, path?.join(), message]);
  };
  assert.deepEqual(messageOf({}), []);
  assert.deepEqual(messageOf({}, { stack: { ...NEW, deepspeed: "0.17.6" } }), [[
    "STW322",
    "gather",
    "ZeRO cannot gather whole layers: it needs DeepSpeed 0.18 or newer",
  ]]);
  assert.match(String(messageOf({ offload: "nvme", nvmePath: "/nvme" })[0]?.[2]), /buffers/);
});
