/** How much is gathered at most, against DeepSpeed's own coordinator on two ranks. */
import assert from "node:assert/strict";
import { traceGenerate } from "../../../lib/model/generate.ts";
import { bloom } from "../../../lib/model/bloom.ts";
import { plainExecution } from "../../../lib/strategy/execution.ts";
import { generationOf } from "../../../lib/strategy/generation.ts";
import { Coordinator, type LiveParameter } from "../../../lib/strategy/ds_zero/coordinator.ts";
import { placeZero, type ZeroWeight } from "../../../lib/strategy/ds_zero/place.ts";
import { bloomShape } from "../../model/shapes.ts";
import { Recorder } from "../../trace/recorder.ts";
import { dsZeroSpec, strategyContext } from "../contexts.ts";
import fixture from "../fixtures/zero_live_parameters.json" with { type: "json" };

const CONTEXT = strategyContext({ use: "ds-zero", shape: bloomShape(fixture.shape) });

/** Module calls of one pass: the parameters of each, on entry and on exit. */
function callsOfPass(weights: readonly ZeroWeight[]): ["enter" | "leave", ZeroWeight[]][] {
  const calls: ["enter" | "leave", ZeroWeight[]][] = [];
  const of = (module: string) => weights.filter(({ modules }) => modules.includes(module));
  const workload = { batchSize: 1, promptTokens: 4, newTokens: 1 };
  traceGenerate(
    bloom,
    CONTEXT.shape,
    generationOf(dsZeroSpec(), CONTEXT, workload, 1),
    {
      ...plainExecution(0),
      enter: (module) => calls.push(["enter", of(module)]),
      leave: (module) => calls.push(["leave", of(module)]),
    },
    new Recorder(),
  );
  return calls;
}

for (const { limits, peakElements } of fixture.cases) {
  Deno.test(`DeepSpeed ${fixture.versions.deepspeed} gathers as much under ${JSON.stringify(limits)}`, () => {
    const { value } = placeZero(dsZeroSpec(), CONTEXT);
    assert.ok(value);
    const live = new Set<LiveParameter>();
    let peak = 0;
    const coordinator = new Coordinator<ZeroWeight>(value.weights, limits, {
      start(parameters) {
        for (const parameter of parameters) live.add(parameter);
        peak = Math.max(peak, [...live].reduce((sum, { elements }) => sum + elements, 0));
      },
      wait() {},
      release: (parameter) => void live.delete(parameter),
    });
    const calls = callsOfPass(value.weights);
    const peaks = peakElements.map(() => {
      peak = 0;
      coordinator.beginPass();
      for (const [kind, parameters] of calls) {
        const call = { parameters, isLeaf: false, own: parameters, within: parameters };
        if (kind === "enter") coordinator.enter(call);
        else coordinator.leave(call);
      }
      return peak;
    });
    assert.deepEqual(peaks, peakElements);
  });
}
