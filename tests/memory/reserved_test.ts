import assert from "node:assert/strict";
import fc from "fast-check";
import { CachingAllocator } from "../../lib/memory/allocator/allocator.ts";
import { NONE } from "../../lib/memory/allocator/blocks.ts";
import { type AllocatorOptions, UNIT_BYTES } from "../../lib/memory/allocator/rules.ts";
import { DeviceReplay, LAG, LAGGING_STEPS } from "../../lib/memory/reserved.ts";
import { allocatorOptions } from "../../lib/plan/reserved_need.ts";
import { placeStrategy } from "../../lib/strategy/registry.ts";
import type { Placement, Workload } from "../../lib/strategy/strategy.ts";
import { CELL_PHASES, type Phase, type Tensor } from "../../lib/trace/trace.ts";
import { Program } from "../../lib/trace/program.ts";
import { bloomShape } from "../model/shapes.ts";
import {
  accelerateSpec,
  dsInferenceSpec,
  dsZeroSpec,
  strategyContext,
} from "../strategy/contexts.ts";

type TraceEvent =
  | { readonly what: "phase"; readonly phase: Phase; readonly step: number }
  | { readonly what: "allocate"; readonly tensor: Tensor; readonly handle: number }
  | { readonly what: "free"; readonly handle: number };

/** Every event of a trace. */
function eventsOf(placement: Placement, workload: Workload): TraceEvent[] {
  const events: TraceEvent[] = [];
  let handles = 0;
  placement.trace({ ...workload, decodeSteps: { first: workload.newTokens - 1 } }, {
    beginPhase: (phase, step) => events.push({ what: "phase", phase, step }),
    allocate(tensor) {
      events.push({ what: "allocate", tensor, handle: handles });
      return handles++;
    },
    free: (handle) => events.push({ what: "free", handle }),
    run() {},
  });
  return events;
}

/** The trace itself through an allocator, event by event; its generation is played twice, but where it would do the same. */
function direct(
  placement: Placement,
  workload: Workload,
  device: number,
  options: AllocatorOptions,
  generations = 2,
) {
  const allocator = new CachingAllocator(options);
  const events = eventsOf(placement, workload);
  const first = events.findIndex(({ what, ...event }) =>
    what === "phase" && CELL_PHASES.includes((event as { phase: Phase }).phase)
  );
  const blocks = new Map<number, number>();
  const load = { loadPeakAllocatedBytes: 0, loadPeakReservedBytes: 0 };
  let returnedBytes = { prefill: 0, decode: 0 };
  let within: Phase = "start";

  function play(event: TraceEvent): boolean {
    if (event.what === "phase") {
      within = event.phase;
      allocator.synchronize();
      allocator.pending.lag = event.step < LAGGING_STEPS ? LAG : 0;
      if (within === "capture") allocator.emptyCache();
      return true;
    }
    if (event.what === "free") {
      const block = blocks.get(event.handle);
      blocks.delete(event.handle);
      if (block !== undefined) allocator.free(block);
      return true;
    }
    const { tensor, handle } = event;
    const isOutside = tensor.outside || tensor.category === "context" || tensor.bytes === 0;
    if (tensor.device !== device || isOutside) return true;
    const before = allocator.returnedUnits;
    const block = allocator.malloc(tensor.bytes, tensor.stream ?? 0);
    if (within === "prefill" || within === "decode") {
      returnedBytes[within] += (allocator.returnedUnits - before) * UNIT_BYTES;
    }
    if (block === NONE) return false;
    blocks.set(handle, block);
    if (tensor.lent === true && allocator.pending.lag > 0) allocator.recordStream(block);
    return true;
  }

  let isServed = events.slice(0, first).every(play);
  if (isServed) {
    load.loadPeakAllocatedBytes = allocator.peakAllocatedBytes;
    load.loadPeakReservedBytes = allocator.peakReservedBytes;
    allocator.emptyCache();
    allocator.resetPeaks();
    const loaded = new Set(blocks.keys());
    const generation = events.slice(first);
    isServed = generation.every(play);
    const isTwoAlready = generation.some((event) =>
      event.what === "phase" && event.phase === "warmup"
    );
    const isAsBefore = options.expandableSegments === true && allocator.retries === 0;
    if (isServed && generations === 2 && !isAsBefore && !isTwoAlready) {
      const kept = new Set(
        generation.flatMap((event) =>
          event.what === "allocate" && event.tensor.lasts === true ? [event.handle] : []
        ),
      );
      for (const [handle, block] of blocks) {
        if (loaded.has(handle) || kept.has(handle)) continue;
        allocator.free(block);
        blocks.delete(handle);
      }
      returnedBytes = { prefill: 0, decode: 0 };
      isServed = generation.every((event) =>
        event.what === "allocate" && kept.has(event.handle) || play(event)
      );
    }
  }
  const { peakAllocatedBytes, peakReservedBytes, retries } = allocator;
  return {
    ...load,
    peakAllocatedBytes,
    peakReservedBytes,
    retries,
    returnedBytes,
    failed: !isServed,
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
        beyondCapBytes: fc.constantFrom(undefined, 0, 15 * MIB, 1000 * MIB),
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
          beyondCapBytes,
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
        const options = allocatorOptions(deviceBytes, {
          expandableSegments,
          ...(beyondCapBytes === undefined ? {} : { driverBytes: deviceBytes + beyondCapBytes }),
        });
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

Deno.test("a second generation finds fixed segments of the first, and may need one more", () => {
  const shape = bloomShape({ vocab_size: 14068, hidden_size: 64, n_layer: 1, n_head: 1 });
  const { value: placement } = placeStrategy(
    accelerateSpec(),
    strategyContext({ deviceCount: 1, shape }),
  );
  assert.ok(placement !== undefined);
  const workload = { promptTokens: 12, newTokens: 3, batchSize: 155 };
  const program = Program.compile(placement, workload, workload.batchSize);
  assert.ok(program !== undefined);
  const { peakReservedBytes } = replayOf(program, 0).run(155, new CachingAllocator());
  const first = direct(placement, workload, 0, {}, 1);
  assert.equal(peakReservedBytes - first.peakReservedBytes, 2 * MIB);
});
