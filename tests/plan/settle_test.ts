import assert from "node:assert/strict";
import type { TracedSpec } from "../../lib/language/pipeline.ts";
import { settle } from "../../lib/plan/settle.ts";
import { bloomShape } from "../model/shapes.ts";
import {
  accelerateSpec,
  CPU,
  dsInferenceSpec,
  dsZeroSpec,
  strategyContext,
} from "../strategy/contexts.ts";

const NEW = { torch: "2.11.0", transformers: "5.17.0", accelerate: "1.15.0", deepspeed: "0.19.8" };
const SMALL = bloomShape({ vocab_size: 1000, hidden_size: 64, n_layer: 2, n_head: 2 });

/** The spec as a pipeline has it that says nothing of allocator and decode. */
function open({ allocator: _, decode: __, ...spec }: TracedSpec): TracedSpec {
  return spec as TracedSpec;
}

function settled(spec: TracedSpec, changes: Partial<Parameters<typeof strategyContext>[0]> = {}) {
  const context = strategyContext({
    use: spec.use,
    shape: SMALL,
    deviceCount: 1,
    stack: NEW,
    ...changes,
  });
  const { allocator, decode } = settle(spec, context).spec;
  return [allocator, decode];
}

Deno.test("one rank on one GPU captures its steps, with expandable segments", () => {
  assert.deepEqual(settled(open(accelerateSpec())), ["expandable", "graph"]);
  assert.deepEqual(settled(open(dsInferenceSpec())), ["expandable", "graph"]);
});

Deno.test("what was written stays", () => {
  assert.deepEqual(settled(accelerateSpec()), ["native", "eager"]);
  const written = { ...open(accelerateSpec()), decode: "eager" as const };
  assert.deepEqual(settled(written), ["expandable", "eager"]);
  assert.deepEqual(settled({ ...open(accelerateSpec()), cache: "static" }), [
    "expandable",
    "eager",
  ]);
});

Deno.test("steps that nothing proves to be the same stay eager", () => {
  assert.deepEqual(settled(open(dsZeroSpec())), ["expandable", "eager"]);
  assert.deepEqual(settled(open(accelerateSpec()), { deviceCount: 2 }), ["expandable", "eager"]);
  assert.deepEqual(settled(open(dsInferenceSpec()), { deviceCount: 2 }), ["expandable", "eager"]);
});

Deno.test("weights that come from the host in every step cannot be captured", () => {
  const map = { "": "cpu", "transformer.h.0": 0 };
  assert.deepEqual(settled(open(accelerateSpec({ deviceMap: map }))), ["expandable", "eager"]);
  const context = strategyContext({ use: "accelerate", shape: SMALL, deviceCount: 1, stack: NEW });
  const written = accelerateSpec({ deviceMap: map, decode: "graph" });
  const { outcome } = settle(written, context);
  assert.equal(outcome.value, undefined);
  assert.match(outcome.diagnostics[0]?.message ?? "", /come from the host/);
});

Deno.test("old libraries and cpu devices have neither", () => {
  const old = { torch: "1.12.0", transformers: "4.20.1", accelerate: "0.11.0", deepspeed: "0.6.7" };
  assert.deepEqual(settled(open(accelerateSpec()), { stack: old }), ["native", "eager"]);
  assert.deepEqual(settled(open(accelerateSpec()), { device: CPU }), ["native", "eager"]);
  const between = { ...NEW, transformers: "4.43.4" };
  assert.deepEqual(settled(open(accelerateSpec()), { stack: between }), ["expandable", "eager"]);
});
