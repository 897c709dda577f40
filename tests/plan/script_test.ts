/** A script in a plan: its files, its key, and what is said of it instead of a prediction. */
import assert from "node:assert/strict";
import type { Prediction } from "../../lib/plan/prediction.ts";
import { compileText, filesOf } from "./compile_text.ts";

const TEXT = `name: mine
model: bigscience/bloom-560m
hardware: 1x A100-SXM4-80GB
strategies:
  - { use: script, name: mine, command: [bash, ./run.sh, "{{ batchSize }}", nowhere.txt] }
  - { use: script, name: known, command: [bash, ./run.sh], predictAs: accelerate }
  - { use: accelerate, allocator: native, decode: eager }
grid: { batchSize: [4] }
`;

function compileWith(script: string, text = TEXT) {
  return compileText(text, { files: filesOf({ "/base/run.sh": script }) });
}

function withoutLoad(prediction: Prediction | undefined) {
  const { loadSeconds: _, weightsSeconds: __, ...time } = prediction?.time ?? {};
  return { ...prediction, time };
}

Deno.test("nothing is predicted of a script; a stand-in's prediction is that of the strategy itself, but for reading ahead", async () => {
  const { value, diagnostics } = await compileWith("echo");
  const [mine, known, accelerate] = value?.cells ?? [];
  assert.equal(mine?.prediction.verdict, "unknown");
  assert.deepEqual([mine?.prediction.devices, mine?.prediction.time], [[], null]);
  assert.equal(mine?.reason, "new: launched");
  assert.deepEqual(withoutLoad(known?.prediction), withoutLoad(accelerate?.prediction));
  // The disk works while our workers import; a script reads when it is ready to.
  const weightsSeconds = (cell = known) => cell?.prediction.time?.weightsSeconds ?? NaN;
  assert.ok(weightsSeconds(known) > weightsSeconds(accelerate));
  assert.deepEqual(diagnostics.map(({ code, path }) => [code, path?.[1]]), [
    ["STW341", 0],
    ["STW342", 1],
  ]);
});

Deno.test("a script that has changed makes another key, and its file is an input once", async () => {
  const [before, after] = await Promise.all([compileWith("echo 1"), compileWith("echo 2")]);
  const inputs = before.value?.inputs.filter(({ path }) => path.endsWith(".sh")) ?? [];
  assert.deepEqual(inputs.map(({ path, bytes }) => [path, bytes]), [["/base/run.sh", 6]]);
  const changed = before.value?.cells.map(({ key }, at) => key !== after.value?.cells[at]?.key);
  assert.deepEqual(changed, [true, true, false]);
});

Deno.test("a command makes another key with each of its words", async () => {
  const other = TEXT.replace("nowhere.txt", "elsewhere.txt");
  const [before, after] = await Promise.all([compileWith("echo"), compileWith("echo", other)]);
  assert.notEqual(before.value?.cells[0]?.key, after.value?.cells[0]?.key);
});

Deno.test("a checkpoint that is never made cannot be asked for", async () => {
  const text = TEXT.replace("{{ batchSize }}", "{{ checkpoint }}")
    .replace(
      "model: bigscience/bloom-560m",
      "model: { name: bigscience/bloom-560m, weights: on-device }",
    );
  const { diagnostics } = await compileWith("echo", text);
  assert.ok(diagnostics.some(({ code, path }) => code === "STW340" && path?.[2] === "command"));
});

Deno.test("what stops a stand-in is told where it stands", async () => {
  const text = TEXT.replace(
    "predictAs: accelerate",
    "predictAs: { use: ds-inference, tensorParallel: 3 }",
  );
  const { diagnostics } = await compileWith("echo", text);
  const [mistake] = diagnostics.filter(({ severity }) => severity === "error");
  assert.deepEqual(mistake?.path, ["strategies", 1, "predictAs", "tensorParallel"]);
});
