import assert from "node:assert/strict";
import { PeakMemory } from "../../lib/memory/peak.ts";
import { bloom } from "../../lib/model/bloom.ts";
import { namedParameters, parameterCount } from "../../lib/model/module.ts";
import { Recorder } from "../trace/recorder.ts";
import fixture from "../strategy/fixtures/device_maps.json" with { type: "json" };
import {
  bloomShape,
  catalogShape,
  notingExecution,
  pass,
  testRuntime,
  TINY,
  torchOn,
} from "./shapes.ts";

Deno.test("the module trees of the published models have the published numbers of parameters", () => {
  const published: Readonly<Record<string, number>> = {
    "bigscience/bloom-560m": 559_214_592,
    "bigscience/bloom-1b1": 1_065_314_304,
    "bigscience/bloom-1b7": 1_722_408_960,
    "bigscience/bloom-3b": 3_002_557_440,
    "bigscience/bloom-7b1": 7_069_016_064,
    "bigscience/bloom": 176_247_271_424,
  };
  for (const [name, count] of Object.entries(published)) {
    assert.equal(parameterCount(bloom.modules(catalogShape(name))), count, name);
  }
});

Deno.test("parameters have the names, shapes and order of the real model", () => {
  const root = bloom.modules(bloomShape(fixture.shapes.tiny));
  const parameters = [...namedParameters(root)].map(({ name, parameter }) => [
    name,
    parameter.shape,
  ]);
  assert.deepEqual(parameters, fixture.parameters.tiny);
});

Deno.test("the head shares the storage of the embedding", () => {
  const tied = [...namedParameters(bloom.modules(TINY))].filter(({ parameter }) =>
    parameter.tiedTo !== undefined
  );
  assert.deepEqual(tied.map(({ name, parameter }) => [name, parameter.tiedTo]), [
    ["lm_head.weight", "transformer.word_embeddings.weight"],
  ]);
});

Deno.test("both spellings of a config mean the same shape", () => {
  assert.deepEqual(
    bloomShape({ vocab_size: 100, n_embed: 16, num_hidden_layers: 3, num_attention_heads: 4 }),
    TINY,
  );
  assert.equal(TINY.headDim, 4);
  assert.equal(TINY.intermediateSize, 64);
  assert.equal(TINY.kvHeads, 4);
});

Deno.test("a config that the library would refuse is refused, with all reasons", () => {
  const { value, diagnostics } = bloom.shape({ vocab_size: 100, hidden_size: 16, n_layer: 0 });
  assert.equal(value, undefined);
  assert.deepEqual(diagnostics.map(({ code }) => code), ["STW301", "STW301"]);
  assert.match(diagnostics[0]?.message ?? "", /"n_layer" must be a whole number from 1/);
  assert.match(diagnostics[1]?.message ?? "", /lacks "n_head" or "num_attention_heads"/);
  const uneven = bloom.shape({ vocab_size: 100, hidden_size: 18, n_layer: 3, n_head: 4 });
  assert.match(
    uneven.diagnostics[0]?.message ?? "",
    /hidden_size 18 is not divisible by n_head 4/,
  );
});

Deno.test("a prefill leaves the logits and the cache behind, and nothing else", () => {
  const recorder = new Recorder();
  const prefill = pass({ batch: 2, query: 5 });
  const logits = bloom.forward({
    shape: TINY,
    pass: prefill,
    execution: notingExecution().execution,
    torch: torchOn(recorder),
  });
  assert.equal(logits.bytes, 2 * 5 * 100 * 4);
  assert.equal(recorder.live.get(logits.handle)?.bytes, logits.bytes);
  recorder.live.delete(logits.handle);
  const left = [...recorder.live.values()].filter(({ category }) => category !== "workspace");
  assert.deepEqual([...new Set(left.map(({ category }) => category))], ["kv"]);
  assert.equal(left.length, 2 * TINY.layers);
  assert.equal(prefill.cache.length, TINY.layers);
});

Deno.test("the cache takes 2 x layers x hidden size x element bytes for each token", () => {
  for (const [dtype, elementBytes] of [["float16", 2], ["float32", 4]] as const) {
    for (const name of ["bigscience/bloom-560m", "bigscience/bloom"]) {
      const shape = catalogShape(name);
      const cacheBytes = (query: number) => {
        const recorder = new Recorder();
        const prefill = pass({ batch: 3, query });
        const torch = torchOn(recorder, testRuntime(dtype));
        bloom.forward({ shape, pass: prefill, execution: notingExecution().execution, torch });
        const kv = [...recorder.live.values()].filter(({ category }) => category === "kv");
        return kv.reduce((sum, { bytes }) => sum + bytes, 0);
      };
      const perToken = 2 * shape.layers * shape.hiddenSize * elementBytes;
      assert.equal(cacheBytes(7), 3 * 7 * perToken);
      assert.equal(cacheBytes(8) - cacheBytes(7), 3 * perToken);
    }
  }
});

Deno.test("tensor parallelism divides the cache", () => {
  const recorder = new Recorder();
  const prefill = pass({ batch: 2, query: 5, tensorParallel: 2 });
  bloom.forward({
    shape: TINY,
    pass: prefill,
    execution: notingExecution().execution,
    torch: torchOn(recorder),
  });
  const kv = [...recorder.live.values()].filter(({ category }) => category === "kv");
  assert.equal(
    kv.reduce((sum, { bytes }) => sum + bytes, 0),
    2 * 5 * 2 * TINY.layers * TINY.hiddenSize * 4 / 2,
  );
});

Deno.test("a long prefill peaks in the attention of a layer, beside the probabilities of the one before", () => {
  function peakOf(dtype: "bfloat16" | "float32") {
    const memory = new PeakMemory(1);
    memory.beginPhase("prefill");
    const prefill = pass({ batch: 2, query: 50 });
    const torch = torchOn(memory, testRuntime(dtype, { transformers: "5.17.0" }));
    bloom.forward({ shape: TINY, pass: prefill, execution: notingExecution().execution, torch });
    return memory.peak(0).byCategory;
  }
  const [batch, query, hidden, heads, layers] = [2, 50, 16, 4, 3];
  for (const [dtype, elementBytes] of [["bfloat16", 2], ["float32", 4]] as const) {
    const hiddenBytes = batch * query * hidden * elementBytes;
    const scoresBytes = batch * heads * query * query * elementBytes;
    const alibiBytes = batch * heads * query * elementBytes;
    const maskBytes = batch * query * query * elementBytes;
    // Scores, masked scores and the probabilities of the layer before; in bfloat16 the peak is in the softmax, with its
    // input and its result in float32. In float32 it is at the end of the attention, beside the probabilities.
    const scores = (elementBytes === 2 ? 3 + 2 * 2 : 4) * scoresBytes;
    // Embeddings, residual, norm, query_key_value (3) and the copy of the query; at the end also the merged heads,
    // the output of dense and its sum with the residual.
    const hiddens = (elementBytes === 2 ? 7 : 10) * hiddenBytes;
    const { activation, kv } = peakOf(dtype);
    assert.equal(activation, hiddens + scores + alibiBytes + maskBytes);
    assert.equal(kv, 2 * layers * hiddenBytes);
  }
});

Deno.test("a decode step replaces the cache by one that is a token longer", () => {
  const recorder = new Recorder();
  const { execution } = notingExecution();
  const prefill = pass({ query: 5 });
  bloom.forward({ shape: TINY, pass: prefill, execution, torch: torchOn(recorder) });
  bloom.forward({
    shape: TINY,
    pass: { ...prefill, query: 1, past: 5 },
    execution,
    torch: torchOn(recorder),
  });
  const kv = [...recorder.live.values()].filter(({ category }) => category === "kv");
  assert.equal(kv.length, 2 * TINY.layers);
  for (const { bytes } of kv) assert.equal(bytes, 6 * TINY.hiddenSize * 4);
});

Deno.test("the products of a pass cost two operations per weight and token, and those of attention", () => {
  const recorder = new Recorder();
  const [batch, query, past] = [2, 5, 0];
  bloom.forward({
    shape: TINY,
    pass: pass({ batch, query }),
    execution: notingExecution().execution,
    torch: torchOn(recorder),
  });
  const { hiddenSize, layers, vocabSize } = TINY;
  const weights = layers * 12 * hiddenSize ** 2 + hiddenSize * vocabSize;
  const attention = layers * 2 * 2 * batch * query * (past + query) * hiddenSize;
  const products = recorder.operations().filter(({ kind }) => kind !== "indexed");
  assert.equal(
    products.reduce((sum, { flops }) => sum + flops, 0),
    2 * batch * query * weights + attention,
  );
});

Deno.test("every module that has weights is entered once and left once", () => {
  const { execution, entered, left } = notingExecution();
  bloom.forward({
    shape: TINY,
    pass: pass({ query: 5 }),
    execution,
    torch: torchOn(new Recorder()),
  });
  const modules = entered.map(([module]) => module);
  const owners = new Set(
    [...namedParameters(bloom.modules(TINY))].map(({ name }) =>
      name.slice(0, name.lastIndexOf("."))
    ),
  );
  for (const owner of owners) {
    assert.equal(modules.filter((module) => module === owner).length, 1, owner);
  }
  assert.deepEqual(left.toSorted(), modules.toSorted());
});

Deno.test("a module is told how many bytes go into it", () => {
  const { execution, entered } = notingExecution();
  bloom.forward({
    shape: TINY,
    pass: pass({ batch: 2, query: 5 }),
    execution,
    torch: torchOn(new Recorder()),
  });
  const inputs = new Map(entered);
  const hiddenBytes = 2 * 5 * 16 * 4;
  assert.equal(inputs.get("transformer.word_embeddings"), 2 * 5 * 8);
  assert.equal(inputs.get("transformer.h.1"), hiddenBytes);
  assert.equal(inputs.get("transformer.h.1.mlp.dense_4h_to_h"), 4 * hiddenBytes);
  assert.equal(inputs.get("lm_head"), hiddenBytes);
});

Deno.test("each layer sums its output over the ranks twice, a split head once more", () => {
  const { execution, reduced } = notingExecution({ lmHeadSplit: true });
  bloom.forward({
    shape: TINY,
    pass: pass({ query: 5, tensorParallel: 2 }),
    execution,
    torch: torchOn(new Recorder()),
  });
  const hiddenBytes = 5 * 16 * 4;
  assert.deepEqual(reduced, [
    ...Array.from({ length: 2 * TINY.layers }, () => hiddenBytes),
    5 * 100 * 4,
  ]);
});

Deno.test("tensors live on the device of their layer", () => {
  const recorder = new Recorder();
  const { execution } = notingExecution({
    deviceOf: (module) => module.startsWith("transformer.h.2") ? 1 : 0,
  });
  bloom.forward({ shape: TINY, pass: pass({ query: 5 }), execution, torch: torchOn(recorder) });
  const kv = recorder.tensors().filter(({ category }) => category === "kv");
  assert.deepEqual(kv.map(({ device }) => device), [0, 0, 0, 0, 1, 1]);
});
