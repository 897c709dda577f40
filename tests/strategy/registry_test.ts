import assert from "node:assert/strict";
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
