import assert from "node:assert/strict";
import { calibrate } from "../../lib/accuracy/calibrate.ts";
import type { MeasuredSet } from "../../lib/accuracy/measured.ts";
import { measuredOfLines } from "../../lib/accuracy/lines_source.ts";
import { speedCalibration } from "../../lib/catalog/speed_calibration.ts";
import { planContext } from "../../lib/commands/make_plan.ts";
import { predictCells } from "../../lib/plan/predict_cells.ts";

const CONTEXT = planContext("x.yaml", { findLargestBatch: false });
const KIND = "H100-SXM5-80GB";

/** Cells whose times are those of a host that takes twice as long for a kernel. */
function slowHost(): MeasuredSet {
  const loaded = {
    kind: "loaded",
    name: "bloom-560m",
    device: "NVIDIA H100 80GB HBM3",
    n_gpus: 1,
    torch: "2.11.0",
    transformers: "5.17.0",
    accelerate: "1.15.0",
  };
  const lines = [1, 8].map((bs) => ({
    kind: "cell",
    bs,
    prompt: 8,
    new: 20,
    gen_s: 1,
    status: "ok",
  }));
  const [set] = measuredOfLines("host.jsonl", [loaded, ...lines]).sets;
  assert.ok(set);
  const own = calibrationWith(2);
  const context = { ...CONTEXT, calibrationOf: () => own };
  const predictions = predictCells(set.pipeline, set.cells.map(({ cell }) => cell), context).value;
  return {
    ...set,
    cells: set.cells.map((measured) => ({
      ...measured,
      values: { msPerStep: [predictions?.get(measured.cell.id)?.time?.msPerStep.mid ?? NaN] },
    })),
  };
}

function launchSeconds(): number {
  return speedCalibration({ kind: KIND }, { name: "", versions: {}, runnable: true }, "accelerate")
    .launchSeconds;
}

function calibrationWith(factor: number) {
  return {
    formatVersion: "1.0",
    kind: KIND,
    basedOn: KIND,
    constants: { launchSeconds: { value: factor * launchSeconds(), source: "a slow host" } },
    byStrategy: {},
    spread: {},
  };
}

Deno.test("the constant that made the measurements is found again, with its source", () => {
  const found = calibrate(KIND, [slowHost()], CONTEXT);
  assert.ok(found);
  const fact = found.file.constants.launchSeconds;
  assert.ok(Math.abs((fact?.value ?? 0) / launchSeconds() - 2) < 0.1, String(fact?.value));
  assert.match(fact?.source ?? "", /2 cells of host\.jsonl/);
  assert.equal(found.cells, 2);
});

Deno.test("sets of another kind of device teach nothing", () => {
  assert.equal(calibrate("A100-SXM4-80GB", [slowHost()], CONTEXT), undefined);
});
