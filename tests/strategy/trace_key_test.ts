import assert from "node:assert/strict";
import { deviceFacts, findDevice } from "../../lib/catalog/devices.ts";
import { placeStrategy } from "../../lib/strategy/registry.ts";
import { Recording } from "../../lib/trace/recording.ts";
import {
  accelerateSpec,
  CPU,
  dsInferenceSpec,
  dsZeroSpec,
  GPU,
  strategyContext,
} from "./contexts.ts";

const SPECS = [
  accelerateSpec(),
  accelerateSpec({ deviceMap: "sequential", dtype: "float32", offloadFolder: "/offloaded" }),
  dsInferenceSpec({ tensorParallel: 1 }),
  dsInferenceSpec(),
  dsInferenceSpec({ kernelInject: true }),
  dsZeroSpec(),
  dsZeroSpec({ offload: "cpu", pinMemory: true }),
];

/** Kinds of the catalog, one too small for the model, and a worker process. */
const DEVICES = [
  ...deviceFacts().flatMap(({ kind }) => findDevice(kind) ?? []),
  { ...GPU, memoryBytes: 1_700_000_000 },
  CPU,
];

Deno.test("placements with the same key write the same trace on whatever hardware", () => {
  const workload = { batchSize: 3, promptTokens: 5, newTokens: 4 };
  let shared = 0;
  const keys = new Set<string>();
  for (const stack of ["2022-07", "current"]) {
    for (const spec of SPECS) {
      const traces = new Map<string, string>();
      for (const device of DEVICES) {
        for (const [deviceCount, nodes] of [[1, 1], [2, 1], [4, 1], [2, 2]] as const) {
          for (const memoryBytes of [1e9, 512e9]) {
            const changes = { use: spec.use, stack, device, deviceCount, nodes, memoryBytes };
            const { value: placement } = placeStrategy(spec, strategyContext(changes));
            if (placement === undefined) continue;
            const recording = new Recording();
            placement.trace(workload, recording);
            const trace = JSON.stringify(recording.passes);
            const known = traces.get(placement.traceKey);
            if (known !== undefined) {
              shared++;
              assert.ok(trace === known, `${spec.use} on ${device.kind}: ${placement.traceKey}`);
            }
            traces.set(placement.traceKey, trace);
            keys.add(`${stack} ${spec.use} ${placement.traceKey}`);
          }
        }
      }
    }
  }
  assert.ok(shared > 1000 && keys.size > 60, `${shared} ${keys.size}`);
});
