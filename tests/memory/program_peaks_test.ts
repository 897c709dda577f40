import assert from "node:assert/strict";
import fc from "fast-check";
import { PeakMemory } from "../../lib/memory/peak.ts";
import { ProgramSums } from "../../lib/memory/program_peaks.ts";
import { placeStrategy } from "../../lib/strategy/registry.ts";
import { Program } from "../../lib/trace/program.ts";
import { HOST, type Phase } from "../../lib/trace/trace.ts";
import { bloomShape } from "../model/shapes.ts";
import {
  accelerateSpec,
  CPU,
  dsInferenceSpec,
  dsZeroSpec,
  GPU,
  strategyContext,
} from "../strategy/contexts.ts";

const CATEGORIES = [
  "weights",
  "kv",
  "activation",
  "workspace",
  "context",
  "communication",
] as const;
const PHASES: readonly (readonly Phase[] | undefined)[] = [
  undefined,
  ["load"],
  ["prefill", "decode"],
];

Deno.test("sums of a program are those of the trace with all its steps, and with the first and last alone", () => {
  fc.assert(
    fc.property(
      fc.record({
        spec: fc.constantFrom(
          accelerateSpec(),
          dsInferenceSpec(),
          dsZeroSpec(),
          dsZeroSpec({ offload: "cpu" }),
        ),
        device: fc.constantFrom(GPU, CPU),
        torch: fc.constantFrom("1.12.0", "2.13.0"),
        layers: fc.integer({ min: 1, max: 5 }),
        heads: fc.constantFrom(2, 4),
        headDim: fc.constantFrom(16, 50),
        vocab: fc.integer({ min: 10, max: 5000 }),
        batchSize: fc.integer({ min: 1, max: 300 }),
        promptTokens: fc.integer({ min: 1, max: 30 }),
        newTokens: fc.integer({ min: 1, max: 16 }),
      }),
      ({ spec, device, torch, layers, heads, headDim, vocab, ...workload }) => {
        const shape = bloomShape({
          vocab_size: vocab,
          hidden_size: heads * headDim,
          n_layer: layers,
          n_head: heads,
        });
        const context = strategyContext({ use: spec.use, shape, device, deviceCount: 2 });
        const stack = { ...context.stack, versions: { torch, transformers: "4.57.3" } };
        const { value: placement } = placeStrategy(spec, { ...context, stack });
        fc.pre(placement !== undefined); // offload needs a GPU
        // How far ranks on CPUs touch their shared buffers is not affine in the batch.
        const sharesBuffers = device === CPU && spec.use === "ds-inference";
        const program = Program.compile(placement, workload, workload.batchSize) ??
          (sharesBuffers ? Program.record(placement, workload, workload.batchSize) : undefined);
        assert.ok(program !== undefined);
        const sums = ProgramSums.of(program)?.run(workload.batchSize, 512);
        assert.ok(sums !== undefined);
        for (const decodeSteps of ["every", "ends"] as const) {
          const memory = new PeakMemory(512);
          placement.trace({ ...workload, decodeSteps }, memory);
          for (const traced of [HOST, ...placement.devices.map((item) => item.traced)]) {
            for (const phases of PHASES) {
              assert.deepEqual(sums.peak(traced, phases), memory.peak(traced, phases));
            }
            for (const category of CATEGORIES) {
              assert.equal(sums.peakOf(traced, category), memory.peakOf(traced, category));
            }
          }
        }
      },
    ),
    { seed: 20260727, numRuns: 150 },
  );
});
