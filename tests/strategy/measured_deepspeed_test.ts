/** DeepSpeed on an H100: what was measured of bloom-7b1 follows from the mechanisms, byte by byte of the tensors. */
import assert from "node:assert/strict";
import type { Device } from "../../lib/catalog/types.ts";
import { PeakMemory } from "../../lib/memory/peak.ts";
import { dsInference } from "../../lib/strategy/ds_inference/mod.ts";
import { dsZero } from "../../lib/strategy/ds_zero/mod.ts";
import type { Placement } from "../../lib/strategy/strategy.ts";
import { HOST } from "../../lib/trace/trace.ts";
import { catalogShape } from "../model/shapes.ts";
import { dsInferenceSpec, dsZeroSpec, GPU, strategyContext } from "./contexts.ts";

interface Line {
  readonly kind: string;
  readonly name: string;
  readonly strategy: Record<string, string | boolean | number | undefined>;
  readonly transformers: string;
  readonly load_peak_alloc: number;
  readonly host_after_load: { readonly RssAnon: number; readonly RssShmem: number };
  readonly bs: number;
  readonly prompt: number;
  readonly new: number;
  readonly peak_alloc: number;
  readonly smi: number;
  readonly reserved_now: number;
}

const PATH = new URL("../../fixtures/measurements/h100-deepspeed.jsonl", import.meta.url);
const LINES: readonly Line[] = Deno.readTextFileSync(PATH).trim().split("\n")
  .map((line) => JSON.parse(line));
const H100: Device = { ...GPU, kind: "H100-SXM5-80GB", memoryBytes: 85_017_493_504 };

/** The processes that were measured. */
const LOADED = LINES.filter(({ kind }) => kind === "loaded");

function placementOf({ strategy, transformers }: Line): Placement {
  const isZero = strategy["mode"] === "zero";
  const context = strategyContext({
    use: isZero ? "ds-zero" : "ds-inference",
    shape: catalogShape("bigscience/bloom-7b1"),
    deviceCount: 1,
    device: H100,
    stack: { torch: "2.11.0", transformers, deepspeed: "0.19.8" },
    weights: "on-device",
  });
  const outcome = isZero
    ? dsZero.place(
      dsZeroSpec({
        dtype: "bfloat16",
        offload: strategy["offload"] === "cpu" ? "cpu" : "none",
        pinMemory: strategy["pin"] === true,
      }),
      context,
    )
    : dsInference.place(
      dsInferenceSpec({
        kernelInject: strategy["inject"] === true,
        ...(typeof strategy["max_tokens"] === "number"
          ? { maxOutTokens: strategy["max_tokens"] }
          : {}),
      }),
      context,
    );
  assert.ok(outcome.value, JSON.stringify(outcome.diagnostics));
  return outcome.value;
}

function memoryOf(placement: Placement, batchSize = 1, promptTokens = 8, newTokens = 2) {
  const memory = new PeakMemory(512);
  placement.trace({ batchSize, promptTokens, newTokens }, memory);
  return memory;
}

function near(actual: number, measured: number, tolerance: number, what: string): void {
  const error = actual / measured - 1;
  assert.ok(Math.abs(error) <= tolerance, `${what}: ${actual} for ${measured}, ${error}`);
}

/** Whoever constructs a model on the device, as these processes did, has a tensor for the head until it is tied. */
const UNTIED_HEAD_BYTES = 250_880 * 4096 * 2;

for (const loaded of LOADED) {
  Deno.test(`${loaded.name}: loading peaks where the steps of the library say`, () => {
    const peak = memoryOf(placementOf(loaded)).peak(0, ["load"]);
    const { mode, inject } = loaded.strategy;
    // Under ZeRO the head is part of the mechanism; with kernels the peak comes later.
    const head = mode === "zero" || inject === true ? 0 : UNTIED_HEAD_BYTES;
    near(peak.bytes - peak.outsideBytes, loaded.load_peak_alloc - head, 1e-6, "allocated");
  });
}

/** The driver's own pinned memory, which is no private memory. */
const PINNED_CONTEXT_BYTES = 21_237_760;

for (const loaded of LOADED.filter(({ strategy }) => strategy["host"] === 1)) {
  Deno.test(`${loaded.name}: the host holds the parameters, pinned ones in powers of two`, () => {
    const memory = memoryOf(placementOf(loaded));
    const { RssAnon, RssShmem } = loaded.host_after_load;
    const live = memory.peak(HOST, ["prefill"]).byCategory;
    const isPinned = loaded.strategy["pin"] === true;
    // The kernels of the first generation come after loading.
    const base = memory.peak(HOST, ["start"]).bytes - PINNED_CONTEXT_BYTES;
    near(base + (isPinned ? 0 : live.weights), RssAnon, 0.01, "RssAnon");
    if (isPinned) near(live.weights, RssShmem, 0.001, "RssShmem");
  });
}

/** The cells of each process, in order. */
function cellsOf({ name }: Line): Line[] {
  return LINES.filter((line) => line.kind === "cell" && line.name === name);
}

for (const loaded of LOADED.filter(({ transformers }) => transformers === "5.17.0")) {
  for (const cell of cellsOf(loaded)) {
    Deno.test(`${cell.name}, batch ${cell.bs}: a generation peaks within 0.05 %`, () => {
      const memory = memoryOf(placementOf(loaded), cell.bs, cell.prompt, cell.new);
      const peak = memory.peak(0, ["prefill", "decode"]);
      near(peak.bytes - peak.outsideBytes, cell.peak_alloc, 5e-4, "allocated");
      near(peak.outsideBytes, cell.smi - cell.reserved_now, 0.03, "outside PyTorch");
    });
  }
}

for (const loaded of LOADED.filter(({ strategy }) => strategy["inject"] === true)) {
  Deno.test(`${loaded.name}: the first batch decides the workspace of the kernels`, () => {
    const [first] = cellsOf(loaded);
    assert.ok(first);
    const memory = memoryOf(placementOf(loaded), first.bs, first.prompt, first.new);
    const { outsideBytes } = memory.peak(0, ["prefill", "decode"]);
    near(outsideBytes, first.smi - first.reserved_now, 0.011, "outside PyTorch");
  });
}
