import assert from "node:assert/strict";
import type { ScriptSpec, TracedSpec } from "../../lib/language/pipeline.ts";
import type { PlanCell } from "../../lib/plan/plan.ts";
import type { Configuration } from "../../lib/plan/configuration.ts";
import { makeSessions } from "../../lib/plan/sessions.ts";
import { UNTRACED } from "../../lib/strategy/script/place.ts";
import { placeStrategy } from "../../lib/strategy/registry.ts";
import { cell } from "../report/builders.ts";
import {
  accelerateSpec,
  dsInferenceSpec,
  dsZeroSpec,
  strategyContext,
} from "../strategy/contexts.ts";

function configurationOf(
  spec: TracedSpec,
  stack = "current",
): Configuration {
  const context = strategyContext({ use: spec.use, stack });
  const { value: placement, diagnostics } = placeStrategy(spec, context);
  assert.ok(placement);
  return {
    spec,
    traced: spec,
    context,
    placement,
    diagnostics,
    largestBatches: new Map(),
    behaviours: new Set(),
  };
}

function sessionsIn(cells: Parameters<typeof makeSessions>[0]) {
  return makeSessions(cells, "/pipelines");
}

function planned(configuration: Configuration, ...cells: readonly PlanCell[]) {
  return cells.map((planCell) => ({ planCell, configuration }));
}

Deno.test("cells of one configuration share a session, in the order of what they need", async () => {
  const { sessions, sessionOf } = await sessionsIn(planned(
    configurationOf(dsZeroSpec()),
    cell({ use: "ds-zero", batchSize: 64, peakGib: 70 }),
    cell({ use: "ds-zero", batchSize: 1, peakGib: 40 }),
    cell({ use: "ds-zero", batchSize: 8, peakGib: 50 }),
  ));
  assert.deepEqual(sessions.map(({ id }) => id), ["ds-zero"]);
  assert.deepEqual(sessions[0]?.cellIds, [
    "ds-zero/batchSize=1",
    "ds-zero/batchSize=8",
    "ds-zero/batchSize=64",
  ]);
  assert.equal(sessionOf.get("ds-zero/batchSize=64"), "ds-zero");
});

Deno.test("where a process can serve one cell only, each cell has a session of its own", async () => {
  const fused = configurationOf(dsInferenceSpec({ kernelInject: true }), "2022-09");
  const { sessions } = await sessionsIn(planned(
    fused,
    cell({ use: "ds-inference", batchSize: 8, peakGib: 50 }),
    cell({ use: "ds-inference", batchSize: 1, peakGib: 40 }),
  ));
  assert.deepEqual(sessions.map(({ id, cellIds }) => [id, ...cellIds]), [
    ["ds-inference", "ds-inference/batchSize=1"],
    ["ds-inference-2", "ds-inference/batchSize=8"],
  ]);
  const plain = configurationOf(dsInferenceSpec({ kernelInject: false }));
  const shared = await sessionsIn(planned(
    plain,
    cell({ use: "ds-inference", batchSize: 8 }),
    cell({ use: "ds-inference", batchSize: 1 }),
  ));
  assert.equal(shared.sessions.length, 1);
});

Deno.test("other options need another session, which has a number", async () => {
  const { sessions } = await sessionsIn([
    ...planned(configurationOf(dsZeroSpec()), cell({ use: "ds-zero", batchSize: 1 })),
    ...planned(
      configurationOf(dsZeroSpec({ offload: "cpu" })),
      cell({ use: "ds-zero", batchSize: 1, axes: { offload: "cpu" } }),
    ),
    ...planned(configurationOf(accelerateSpec()), cell({ use: "accelerate", batchSize: 1 })),
  ]);
  assert.deepEqual(sessions.map(({ id, strategy }) => [id, strategy]), [
    ["ds-zero", "ds-zero"],
    ["ds-zero-2", "ds-zero"],
    ["accelerate", "accelerate"],
  ]);
});

Deno.test("two strategies whose names look like numbered sessions do not share a folder", async () => {
  const { sessions } = await sessionsIn([
    ...planned(configurationOf(dsZeroSpec({ name: "z" })), cell({ use: "ds-zero", batchSize: 1 })),
    ...planned(
      configurationOf(dsZeroSpec({ name: "z", offload: "cpu" })),
      cell({ use: "ds-zero", batchSize: 2 }),
    ),
    ...planned(
      configurationOf(dsZeroSpec({ name: "z-2" })),
      cell({ use: "ds-zero", batchSize: 3 }),
    ),
  ]);
  assert.equal(new Set(sessions.map(({ id }) => id)).size, 3);
});

Deno.test("invalid cells are in no session, and make none", async () => {
  const invalid = cell({ use: "ds-zero", batchSize: 2, verdict: "invalid" });
  const { sessions, sessionOf } = await sessionsIn(
    planned(configurationOf(dsZeroSpec()), invalid),
  );
  assert.deepEqual(sessions, []);
  assert.equal(sessionOf.size, 0);
});

Deno.test("only a strategy that has a DeepSpeed configuration gets its file", async () => {
  const { sessions } = await sessionsIn([
    ...planned(configurationOf(dsZeroSpec()), cell({ use: "ds-zero", batchSize: 1 })),
    ...planned(configurationOf(accelerateSpec()), cell({ use: "accelerate", batchSize: 1 })),
  ]);
  const [zero, accelerate] = sessions;
  assert.deepEqual(Object.keys(zero?.launch.files ?? {}), ["ds_config.json"]);
  const config = JSON.parse(zero?.launch.files["ds_config.json"] ?? "");
  assert.equal(config.zero_optimization.stage, 3);
  assert.deepEqual(accelerate?.launch.files, {});
  assert.equal(zero?.worldSize, 2);
  assert.equal(accelerate?.worldSize, 1);
});

Deno.test("a script starts in the folder of the pipeline, one worker for all of its cells", async () => {
  const spec: ScriptSpec = {
    use: "script",
    name: "mine",
    dtype: "float16",
    allocator: "native",
    command: ["python", "mine.py"],
  };
  const { traced: _, ...base } = configurationOf(accelerateSpec());
  const placement = { ...UNTRACED, servesOneCell: true };
  const { sessions } = await sessionsIn(planned(
    { ...base, spec, placement },
    cell({ use: "accelerate", name: "mine", batchSize: 1, verdict: "unknown" }),
    cell({ use: "accelerate", name: "mine", batchSize: 2, verdict: "unknown" }),
  ));
  assert.deepEqual(sessions.map(({ id, directory, cellIds }) => [id, directory, cellIds.length]), [
    ["mine", "/pipelines", 2],
  ]);
  assert.deepEqual(sessions[0]?.launch.argv, [
    "{python}",
    "{workers}/script_worker.py",
    "{session}/request.json",
  ]);
});
