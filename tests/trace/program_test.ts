import assert from "node:assert/strict";
import fc from "fast-check";
import type { TracedSpec } from "../../lib/language/pipeline.ts";
import { placeStrategy } from "../../lib/strategy/registry.ts";
import type { Placement, StrategyContext, Workload } from "../../lib/strategy/strategy.ts";
import { Program } from "../../lib/trace/program.ts";
import { type RecordedPass, Recording } from "../../lib/trace/recording.ts";
import { bloomShape } from "../model/shapes.ts";
import {
  accelerateSpec,
  CPU,
  dsInferenceSpec,
  dsZeroSpec,
  GPU,
  strategyContext,
} from "../strategy/contexts.ts";

const MAKERS: Record<TracedSpec["use"], () => TracedSpec> = {
  accelerate: accelerateSpec,
  "ds-inference": dsInferenceSpec,
  "ds-zero": dsZeroSpec,
};

function placed(
  use: TracedSpec["use"],
  changes: Partial<TracedSpec>,
  context: StrategyContext,
) {
  const spec = { ...MAKERS[use](), ...changes } as TracedSpec;
  const { value } = placeStrategy(spec, { ...context, use });
  assert.ok(value !== undefined);
  return value;
}

/** What a placement writes up to the last step: the program knows no end. */
function traced(placement: Placement, workload: Workload): RecordedPass[] {
  const recording = new Recording();
  const first = workload.newTokens - 1;
  placement.trace({ ...workload, decodeSteps: { first } }, recording);
  return recording.passes;
}

function written(program: Program, batch: number): RecordedPass[] {
  const recording = new Recording();
  program.write(batch, recording);
  return recording.passes;
}

/** The numbers of operations are in `terms`. */
function withoutNumbers(pass: RecordedPass | undefined) {
  const operations = pass?.operations.map(({ flops: _, bytes: __, linkBytes: ___, ...rest }) =>
    rest
  );
  return { ...pass, operations };
}

Deno.test("a program writes what the placement would, for any batch and length", () => {
  fc.assert(
    fc.property(
      fc.record({
        use: fc.constantFrom("accelerate" as const, "ds-inference" as const, "ds-zero" as const),
        device: fc.constantFrom(GPU, CPU),
        dtype: fc.constantFrom("float16" as const, "bfloat16" as const, "float32" as const),
        heads: fc.constantFrom(2, 4, 6),
        headDim: fc.constantFrom(8, 33, 64),
        layers: fc.integer({ min: 1, max: 4 }),
        vocab: fc.integer({ min: 10, max: 5000 }),
        batchSize: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 5, max: 3000 })),
        promptTokens: fc.integer({ min: 1, max: 40 }),
        newTokens: fc.integer({ min: 1, max: 12 }),
      }),
      ({ use, device, dtype, heads, headDim, layers, vocab, ...workload }) => {
        const shape = bloomShape({
          vocab_size: vocab,
          hidden_size: heads * headDim,
          n_layer: layers,
          n_head: heads,
        });
        const placement = placed(use, { dtype }, strategyContext({ shape, device }));
        const program = Program.compile(placement, workload, workload.batchSize);
        // How far ranks on CPUs touch their shared buffers is not affine in the batch.
        fc.pre(program !== undefined || device !== CPU || use !== "ds-inference");
        assert.ok(program !== undefined, "the traces are affine");
        const expected = traced(placement, workload);
        const actual = written(program, workload.batchSize);
        assert.equal(actual.length, expected.length);
        for (const [index, pass] of expected.entries()) {
          assert.deepEqual(withoutNumbers(actual[index]), withoutNumbers(pass));
        }
      },
    ),
    { seed: 20260727, numRuns: 150 },
  );
});

Deno.test("a placement that is not affine in the batch has no program", () => {
  const base = placed("accelerate", {}, strategyContext());
  const curved: Placement = {
    ...base,
    trace(workload, sink) {
      base.trace(workload, sink);
      const bytes = workload.batchSize ** 2;
      sink.allocate({ device: 0, name: "square", category: "activation", bytes });
    },
  };
  const lengths = { promptTokens: 3, newTokens: 9 };
  assert.equal(Program.compile(curved, lengths, 8), undefined);
  assert.ok(Program.compile(base, lengths, 8) !== undefined);
});

Deno.test("a placement whose steps do not repeat has no program", () => {
  const base = placed("accelerate", {}, strategyContext());
  const restless: Placement = {
    ...base,
    trace(workload, sink) {
      base.trace(workload, {
        beginPhase(phase, step) {
          sink.beginPhase(phase, step);
          if (step % 2 === 0) return;
          sink.allocate({ device: 0, name: "odd", category: "activation", bytes: 1 });
        },
        allocate: (tensor) => sink.allocate(tensor),
        free: (handle) => sink.free(handle),
        run: (operation) => sink.run(operation),
      });
    },
  };
  assert.equal(Program.compile(restless, { promptTokens: 3, newTokens: 9 }, 8), undefined);
});
