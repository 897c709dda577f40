import assert from "node:assert/strict";
import type { CellSpec } from "../../lib/language/pipeline.ts";
import {
  type Configuration,
  emptyPrediction,
  predict,
  workloadMistakes,
} from "../../lib/plan/configuration.ts";
import { placeStrategy } from "../../lib/strategy/registry.ts";
import { dsZeroSpec, SHAPE, strategyContext } from "../strategy/contexts.ts";
import { planContext } from "./compile_text.ts";

function cellWith(changes: Partial<CellSpec> = {}): CellSpec {
  return {
    id: "ds-zero/batchSize=1",
    strategyIndex: 0,
    strategy: dsZeroSpec(),
    batchSize: 1,
    promptTokens: 8,
    newTokens: 8,
    axes: {},
    ...changes,
  };
}

function configurationWith(maxPositions: number | null): Configuration {
  const context = strategyContext({ use: "ds-zero", shape: { ...SHAPE, maxPositions } });
  const { value: placement, diagnostics } = placeStrategy(dsZeroSpec(), context);
  assert.ok(placement);
  return {
    spec: dsZeroSpec(),
    traced: dsZeroSpec(),
    context,
    placement,
    diagnostics,
    largestBatches: new Map(),
    behaviours: new Set(),
  };
}

Deno.test("prompt and new tokens must fit the table of positions, where there is one", () => {
  const codes = (maxPositions: number | null) =>
    workloadMistakes(cellWith(), configurationWith(maxPositions)).map(({ code }) => code);
  assert.deepEqual(codes(15), ["STW310"]);
  assert.deepEqual(codes(16), []);
  assert.deepEqual(codes(null), []);
});

Deno.test("sizes beyond exact whole numbers are refused", () => {
  const configuration = configurationWith(null);
  const codes = (batchSize: number, promptTokens: number) =>
    workloadMistakes(cellWith({ batchSize, promptTokens }), configuration).map(({ code }) => code);
  assert.deepEqual(codes(2 ** 20, 8), []);
  assert.deepEqual(codes(2 ** 20, 2 ** 20), ["STW311"]);
});

Deno.test("an invalid cell has its causes and nothing predicted", () => {
  assert.deepEqual(emptyPrediction("invalid", ["because"]), {
    verdict: "invalid",
    oomProbability: 0,
    causes: ["because"],
    limit: null,
    devices: [],
    hosts: [],
    time: null,
  });
});

Deno.test("the largest batch is searched once for each pair of lengths", () => {
  const configuration = configurationWith(null);
  const { placement } = configuration;
  assert.ok(placement);
  let traces = 0;
  const counting = {
    ...placement,
    trace(...parameters: Parameters<typeof placement.trace>) {
      traces++;
      placement.trace(...parameters);
    },
  };
  const context = planContext({ findLargestBatch: true });
  const first = predict(cellWith(), configuration, counting, context);
  const before = traces;
  const second = predict(cellWith({ batchSize: 2 }), configuration, counting, context);
  // All batches from 2 on share the program that was compiled for the search.
  assert.equal(traces, before);
  assert.equal(configuration.largestBatches.size, 1);
  assert.equal(second.largestBatch, first.largestBatch);
  predict(cellWith({ promptTokens: 9 }), configuration, counting, context);
  assert.ok(traces > before);
  assert.equal(configuration.largestBatches.size, 2);
});
