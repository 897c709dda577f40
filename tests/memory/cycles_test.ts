import assert from "node:assert/strict";
import fc from "fast-check";
import { CachingAllocator } from "../../lib/memory/allocator/allocator.ts";
import { devicePasses } from "../../lib/memory/device_passes.ts";
import { findPeriod } from "../../lib/memory/period.ts";
import { DeviceReplay } from "../../lib/memory/reserved.ts";
import { placeStrategy } from "../../lib/strategy/registry.ts";
import { Program } from "../../lib/trace/program.ts";
import { bloomShape } from "../model/shapes.ts";
import {
  accelerateSpec,
  dsInferenceSpec,
  dsZeroSpec,
  strategyContext,
} from "../strategy/contexts.ts";

const MIB = 2 ** 20;

Deno.test("pools that go round and are left out change nothing", () => {
  let periodic = 0;
  let retried = 0;
  let failed = 0;
  fc.assert(
    fc.property(
      fc.record({
        spec: fc.constantFrom(
          accelerateSpec(),
          accelerateSpec({ dtype: "bfloat16", cache: "static" }),
          dsInferenceSpec(),
          dsZeroSpec(),
          dsZeroSpec({ offload: "cpu" }),
        ),
        layers: fc.integer({ min: 18, max: 40 }),
        headDim: fc.constantFrom(64, 200, 512),
        batchSize: fc.integer({ min: 1, max: 200 }),
        promptTokens: fc.integer({ min: 1, max: 30 }),
        newTokens: fc.integer({ min: 1, max: 16 }),
        expandableSegments: fc.boolean(),
        maxSplitBytes: fc.constantFrom(Infinity, Infinity, 32 * MIB),
        // Of what is reserved where nothing limits: near 1 cached blocks are returned, below it requests fail.
        part: fc.constantFrom(Infinity, 1, 0.995, 0.97, 0.9),
        isCap: fc.boolean(),
      }),
      ({ spec, layers, headDim, part, isCap, ...rest }) => {
        const { expandableSegments, maxSplitBytes, ...workload } = rest;
        const shape = bloomShape({
          vocab_size: 3000,
          hidden_size: 2 * headDim,
          n_layer: layers,
          n_head: 2,
        });
        const { value: placement } = placeStrategy(
          spec,
          strategyContext({ use: spec.use, shape, deviceCount: 2 }),
        );
        assert.ok(placement !== undefined);
        const program = Program.compile(placement, workload, workload.batchSize);
        assert.ok(program !== undefined);
        for (const [device, replay] of DeviceReplay.of(program)) {
          const run = (limit: number, plainly: boolean) => {
            const limits = isCap ? { allowedBytes: limit } : { deviceBytes: limit };
            const options = { expandableSegments, maxSplitBytes, ...limits };
            return replay.run(workload.batchSize, new CachingAllocator(options), plainly);
          };
          const free = run(80e9, true);
          const most = Math.max(free.peakReservedBytes, free.loadPeakReservedBytes);
          const limit = part === Infinity ? 80e9 : Math.floor(part * most);
          const plain = run(limit, true);
          assert.deepEqual(run(limit, false), plain);
          if (plain.retries > 0) retried++;
          if (plain.failure !== undefined) failed++;
          if (devicePasses(program).get(device)?.some((pass) => findPeriod(pass))) periodic++;
        }
      },
    ),
    { seed: 20261125, numRuns: 120 },
  );
  assert.ok(periodic > 100 && retried > 20 && failed > 20, `${periodic} ${retried} ${failed}`);
});

Deno.test("a period is a layer, and knows what outlives it", () => {
  const { value: placement } = placeStrategy(
    accelerateSpec(),
    strategyContext({
      deviceCount: 1,
      shape: bloomShape({ vocab_size: 100, hidden_size: 64, n_layer: 24, n_head: 2 }),
    }),
  );
  assert.ok(placement !== undefined);
  const program = Program.compile(placement, { promptTokens: 3, newTokens: 12 }, 2);
  assert.ok(program !== undefined);
  const passes = devicePasses(program).get(0) ?? [];
  const decode = passes.at(-1);
  assert.ok(decode !== undefined);
  const period = findPeriod(decode);
  assert.ok(period !== undefined);
  // Keys and values: each is allocated, and that of the step before freed.
  assert.equal(period.lasting.length, 4);
  assert.ok(period.count >= 20 && period.count <= 24, String(period.count));
  assert.ok(period.start + period.count * period.length <= decode.events.length);
  const start = passes.find(({ phase }) => phase === "start");
  assert.equal(start && findPeriod(start), undefined);
});
