import assert from "node:assert/strict";
import type { TracedSpec } from "../../lib/language/pipeline.ts";
import { launchStrategy, placeStrategy } from "../../lib/strategy/registry.ts";
import { accelerateSpec, dsInferenceSpec, dsZeroSpec, strategyContext } from "./contexts.ts";

Deno.test("every strategy is placed and launched by its own worker", () => {
  const workers = [accelerateSpec(), dsInferenceSpec(), dsZeroSpec()].map((spec) => {
    const context = strategyContext({ use: spec.use });
    const { value: placement } = placeStrategy(spec, context);
    assert.ok(placement);
    return launchStrategy(spec, context, placement).argv.find((word) => word.endsWith(".py"));
  });
  assert.deepEqual(workers, [
    "{workers}/accelerate_worker.py",
    "{workers}/ds_inference_worker.py",
    "{workers}/ds_zero_worker.py",
  ]);
});

Deno.test("decode: graph is refused where Python has a part in every step", () => {
  function refusal(...[spec, changes]: Parameters<typeof placed>): string | undefined {
    return placed(spec, changes).diagnostics.find(({ code }) => code === "STW319")?.message;
  }
  const graph = { decode: "graph" } as const;
  const one = { deviceCount: 1 };
  assert.equal(refusal(accelerateSpec(graph), one), undefined);
  assert.equal(refusal(dsInferenceSpec(graph), one), undefined);
  assert.match(refusal(dsZeroSpec(graph), one) ?? "", /gathers parameters/);
  assert.match(refusal(dsInferenceSpec({ ...graph, kernelInject: true }), one) ?? "", /own cache/);
  const old = { ...one, stack: "2022-07" };
  assert.match(refusal(accelerateSpec(graph), old) ?? "", /transformers 4\.56/);
  const halves = { "transformer.h.0": 0, "": 1 };
  const spread = accelerateSpec({ ...graph, deviceMap: halves });
  assert.match(refusal(spread, { deviceCount: 2 }) ?? "", /several devices/);
});

function placed(spec: TracedSpec, changes: Parameters<typeof strategyContext>[0]) {
  return placeStrategy(spec, strategyContext({ use: spec.use, ...changes }));
}

Deno.test("expandable segments are asked for by both names of the variable, on a GPU", () => {
  const spec = accelerateSpec({ allocator: "expandable" });
  const context = strategyContext();
  const { value: placement } = placeStrategy(spec, context);
  assert.ok(placement);
  const { env } = launchStrategy(spec, context, placement);
  assert.equal(env["PYTORCH_CUDA_ALLOC_CONF"], "expandable_segments:True");
  assert.equal(env["PYTORCH_ALLOC_CONF"], "expandable_segments:True");
  const native = launchStrategy(accelerateSpec(), context, placement).env;
  assert.equal(native["PYTORCH_ALLOC_CONF"], undefined);
});
