import assert from "node:assert/strict";
import fc from "fast-check";
import { CachingAllocator } from "../../lib/memory/allocator/allocator.ts";
import { NONE } from "../../lib/memory/allocator/blocks.ts";
import { type AllocatorOptions, UNIT_BYTES } from "../../lib/memory/allocator/rules.ts";
import { DeviceReplay, LAG, LAGGING_STEPS } from "../../lib/memory/reserved.ts";
import { allocatorOptions } from "../../lib/plan/reserved_need.ts";
import { placeStrategy } from "../../lib/strategy/registry.ts";
import type { Placement, Workload } from "../../lib/strategy/strategy.ts";
import { CELL_PHASES, type Phase } from "../../lib/trace/trace.ts";
import { Program } from "../../lib/trace/program.ts";
import { bloomShape } from "../model/shapes.ts";
import {
  accelerateSpec,
  dsInferenceSpec,
  dsZeroSpec,
  strategyContext,
} from "../strategy/contexts.ts";

/** The trace itself through an allocator, event by event. */
function direct(
  placement: Placement,
  workload: Workload,
  device: number,
  options: AllocatorOptions,
) {
  const allocator = new CachingAllocator(options);
  let loadPeakAllocatedBytes = 0;
  let loadPeakReservedBytes = 0;
  let failed = false;
  let isInCell = false;
  const returnedBytes = { prefill: 0, decode: 0 };
  let within: Phase = "start";
  const first = workload.newTokens - 1;
  placement.trace({ ...workload, decodeSteps: { first } }, {
    beginPhase(phase, step) {
      if (failed) return;
      within = phase;
      allocator.synchronize();
      allocator.pending.lag = step < LAGGING_STEPS ? LAG : 0;
      if (phase === "capture") allocator.emptyCache();
      if (isInCell || !CELL_PHASES.includes(phase)) return;
      isInCell = true;
      loadPeakAllocatedBytes = allocator.peakAllocatedBytes;
      loadPeakReservedBytes = allocator.peakReservedBytes;
      allocator.emptyCache();
      allocator.resetPeaks();
    },
    allocate(tensor) {
      const isOutside = tensor.outside || tensor.category === "context" || tensor.bytes === 0;
      if (tensor.device !== device || isOutside || failed) return NONE;
      const before = allocator.returnedUnits;
      const block = allocator.malloc(tensor.bytes, tensor.stream ?? 0);
      if (within === "prefill" || within === "decode") {
        returnedBytes[within] += (allocator.returnedUnits - before) * UNIT_BYTES;
      }
      failed = block === NONE;
      if (!failed && tensor.lent === true && allocator.pending.lag > 0) {
        allocator.recordStream(block);
      }
      return block;
    },
    free(block) {
      if (block !== NONE && !failed) allocator.free(block);
    },
    run() {},
  });
  const { peakAllocatedBytes, peakReservedBytes, retries } = allocator;
  return {
    loadPeakAllocatedBytes,
    loadPeakReservedBytes,
    peakAllocatedBytes,
    peakReservedBytes,
    retries,
    returnedBytes,
    failed,
  };
}

const MIB = 2 ** 20;

function replayOf(program: Program, device: number): DeviceReplay {
  const replay = DeviceReplay.of(program).get(device);
  assert.ok(replay !== undefined);
  return replay;
}

Deno.test("a program replays to what the trace itself gives", () => {
  fc.assert(
    fc.property(
      fc.record({
        spec: fc.constantFrom(
          accelerateSpec(),
          dsInferenceSpec({ decode: "graph" }),
          dsZeroSpec(),
          dsZeroSpec({ offload: "cpu" }),
        ),
        layers: fc.integer({ min: 1, max: 14 }),
        heads: fc.constantFrom(2, 4),
        headDim: fc.constantFrom(32, 64, 200),
        vocab: fc.integer({ min: 10, max: 20000 }),
        batchSize: fc.integer({ min: 1, max: 300 }),
        promptTokens: fc.integer({ min: 1, max: 30 }),
        newTokens: fc.integer({ min: 1, max: 25 }),
        deviceBytes: fc.constantFrom(Infinity, 100 * MIB, 300 * MIB),
        expandableSegments: fc.boolean(),
        isCapped: fc.boolean(),
      }),
      (
        {
          spec,
          layers,
          heads,
          headDim,
          vocab,
          deviceBytes,
          expandableSegments,
          isCapped,
          ...workload
        },
      ) => {
        const shape = bloomShape({
          vocab_size: vocab,
          hidden_size: heads * headDim,
          n_layer: layers,
          n_head: heads,
        });
        const { value: placement } = placeStrategy(
          spec,
          strategyContext({ use: spec.use, shape, deviceCount: 2 }),
        );
        assert.ok(placement !== undefined);
        const program = Program.compile(placement, workload, workload.batchSize);
        assert.ok(program !== undefined);
        const options = allocatorOptions(deviceBytes, { expandableSegments, isCapped });
        for (const device of new Set(placement.devices.map(({ traced }) => traced))) {
          const { failure, ...replayed } = replayOf(program, device)
            .run(workload.batchSize, new CachingAllocator(options));
          const expected = direct(placement, workload, device, options);
          assert.equal(failure !== undefined, expected.failed);
          if (failure?.phase === "load" || failure?.phase === "start") continue;
          assert.deepEqual({ ...replayed, failed: expected.failed }, expected);
        }
      },
    ),
    { seed: 20260727, numRuns: 150 },
  );
});

Deno.test("a failure says when, and what was asked for", () => {
  const spec = accelerateSpec();
  const { value: placement } = placeStrategy(spec, strategyContext({ deviceCount: 1 }));
  assert.ok(placement !== undefined);
  const program = Program.compile(placement, { promptTokens: 1, newTokens: 60 }, 2000);
  assert.ok(program !== undefined);
  const replay = replayOf(program, 0);
  const { peakAllocatedBytes } = replay.run(2000, new CachingAllocator());
  const deviceBytes = 0.9 * peakAllocatedBytes;
  const { failure, retries } = replay.run(2000, new CachingAllocator({ deviceBytes }));
  assert.equal(failure?.phase, "decode");
  assert.ok((failure?.step ?? 0) > 1);
  assert.ok(retries > 0);
  assert.ok(failure.reservedBytes + failure.segmentBytes > deviceBytes);
});
