import assert from "node:assert/strict";
import { planContext } from "../../lib/commands/make_plan.ts";
import { readPipeline } from "../../lib/commands/input.ts";
import { configure } from "../../lib/plan/configuration.ts";
import { excessOf } from "../../lib/plan/largest_batch.ts";
import {
  nearMemory,
  predictMemory,
  tensorNeed,
  tensorNeedOnce,
} from "../../lib/plan/predict_memory.ts";
import { resolve } from "../../lib/plan/resolve.ts";
import { judge } from "../../lib/plan/verdict.ts";

/** Cells on both sides of a cap, with fixed and with expandable segments, and the published ones. */
const PIPELINES = [
  "bloom.yaml",
  "gpu/h100-limits-pythia-1b4-native.yaml",
  "gpu/h100-limits-bloom-1b1-zero.yaml",
  "gpu/h100-limits-llama-3.2-1b.yaml",
];

Deno.test("what searches ask for is on the side of the limit where the prediction is", () => {
  let decided = 0;
  let beyond = 0;
  for (const name of PIPELINES) {
    const path = new URL(`../../pipelines/${name}`, import.meta.url).pathname;
    const { parsed } = readPipeline(path);
    assert.ok(parsed !== undefined, name);
    const { value: resolved } = resolve(parsed.pipeline, planContext(path));
    assert.ok(resolved !== undefined, name);
    for (const cell of parsed.cells) {
      const { placement, context } = configure(cell.strategy, parsed.pipeline, resolved);
      assert.ok(placement !== undefined, cell.id);
      const tensors = excessOf(judge(tensorNeed(placement, cell, context)));
      const other = configure(cell.strategy, parsed.pipeline, { ...resolved, traces: new Map() });
      assert.ok(other.placement !== undefined);
      // Along the trace, without a program.
      assert.equal(excessOf(judge(tensorNeedOnce(other.placement, cell, context))), tensors);
      if (tensors > 0) continue;
      const excess = excessOf(judge(predictMemory(placement, cell, context)));
      assert.equal(excessOf(judge(nearMemory(placement, cell, context))) > 0, excess > 0, cell.id);
      decided++;
      if (excess > 0) beyond++;
    }
  }
  assert.ok(beyond >= 5 && decided >= 30, `${beyond} of ${decided}`);
});
