import assert from "node:assert/strict";
import { measuredOfLines } from "../../lib/accuracy/lines_source.ts";

const LOADED = {
  kind: "loaded",
  name: "bloom-560m",
  n_gpus: 1,
  ctx_bytes: [650969088],
  weights_alloc: [1118429184],
  device: "NVIDIA H100 80GB HBM3",
  torch: "2.11.0+cu130",
  transformers: "5.17.0",
  accelerate: "1.15.0",
  attn: "eager",
};

const CELL = {
  kind: "cell",
  name: "bloom-560m",
  bs: 2,
  prompt: 8,
  new: 11,
  peak_alloc: [1000],
  peak_reserved: [2000],
  smi: [2500],
  gen_s: 1.1,
  one_s: 0.1,
  status: "ok",
};

Deno.test("a loaded line says what the cells behind it ran on", () => {
  const { sets, problems } = measuredOfLines("x.jsonl", [LOADED, CELL, { kind: "bw" }]);
  assert.deepEqual(problems, []);
  assert.equal(sets.length, 1);
  const [set] = sets;
  assert.equal(set?.pipeline.model.name, "bigscience/bloom-560m");
  assert.deepEqual(set?.pipeline.hardware, {
    nodes: 1,
    devices: { count: 1, kind: "H100-SXM5-80GB" },
  });
  const [cell] = set?.cells ?? [];
  assert.equal(cell?.cell.strategy.use, "accelerate");
  assert.deepEqual(cell?.values, {
    peakAllocatedBytes: [1000],
    peakReservedBytes: [2000],
    peakBytes: [2500],
    msPerToken: [50],
    prefillMs: [100],
    msPerStep: [100],
  });
});

Deno.test("what the driver says after a cell is no peak when more had been reserved", () => {
  const { sets } = measuredOfLines("x", [LOADED, { ...CELL, smi: [1500] }]);
  assert.equal(sets[0]?.cells[0]?.values.peakBytes, undefined);
});

Deno.test("a cell that ran out of memory has a status and no values", () => {
  const { sets } = measuredOfLines("x", [LOADED, { ...CELL, status: "oom" }]);
  assert.deepEqual(sets[0]?.cells[0]?.values, {});
  assert.equal(sets[0]?.cells[0]?.status, "oom");
});

Deno.test("the strategy of a line decides the options; ZeRO counts every rank as a stream", () => {
  const config = { vocab_size: 100, hidden_size: 64, n_layer: 2, n_head: 4 };
  const zero = {
    ...LOADED,
    name: "z",
    config,
    world_size: 2,
    n_gpus: 2,
    strategy: { mode: "zero", offload: "cpu", pin: true, arch: "bloom" },
  };
  const injected = {
    ...LOADED,
    name: "i",
    config,
    strategy: { mode: "dsinf", inject: true, max_tokens: 256, dtype: "float16", arch: "bloom" },
  };
  const { sets } = measuredOfLines("x", [zero, CELL, injected, CELL]);
  const [first, second] = sets.map((set) => set.cells[0]);
  assert.partialDeepStrictEqual(first?.cell.strategy, {
    use: "ds-zero",
    offload: "cpu",
    pinMemory: true,
  });
  assert.deepEqual(first?.values.msPerToken, [25]);
  assert.partialDeepStrictEqual(second?.cell.strategy, {
    use: "ds-inference",
    dtype: "float16",
    kernelInject: true,
    maxOutTokens: 256,
  });
  assert.equal(sets[0]?.pipeline.model.config?.["model_type"], "bloom");
});

Deno.test("injected kernels keep the workspace of their first cell, so later ones tell times only", () => {
  const strategy = { mode: "dsinf", inject: true, arch: "bloom" };
  const config = { vocab_size: 100, hidden_size: 64, n_layer: 2, n_head: 4 };
  const { sets } = measuredOfLines("x", [{ ...LOADED, strategy, config }, CELL, CELL]);
  const [first, second] = sets[0]?.cells ?? [];
  assert.deepEqual(first?.values.peakReservedBytes, [2000]);
  assert.deepEqual(Object.keys(second?.values ?? {}), ["msPerToken", "prefillMs", "msPerStep"]);
});

Deno.test("what cannot be planned is told, and its cells are passed over", () => {
  const { sets, problems } = measuredOfLines("x", [
    { ...LOADED, device: "Abacus" },
    CELL,
    { ...LOADED, name: "nobody-knows" },
    CELL,
  ]);
  assert.deepEqual(sets, []);
  assert.equal(problems.length, 2);
  assert.match(problems[0] ?? "", /Abacus/);
});
