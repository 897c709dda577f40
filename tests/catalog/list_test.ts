import assert from "node:assert/strict";
import { listHardware, listModels, listStacks } from "../../lib/catalog/list.ts";

Deno.test("listModels() shows families with sizes and dtypes", () => {
  const rows = listModels().map((row) => [row.name, row.parameters, row.dtype]);
  assert.deepEqual(rows.slice(0, 6), [
    ["bigscience/bloom-560m", 559_214_592, "float16"],
    ["bigscience/bloom-1b1", 1_065_314_304, "float16"],
    ["bigscience/bloom-1b7", 1_722_408_960, "float16"],
    ["bigscience/bloom-3b", 3_002_557_440, "float16"],
    ["bigscience/bloom-7b1", 7_069_016_064, "float16"],
    ["bigscience/bloom", 176_247_271_424, "bfloat16"],
  ]);
  assert.deepEqual(rows.at(-1), ["openai-community/gpt2-xl", 1_557_611_200, "float32"]);
});

Deno.test("listHardware() shows nodes with their devices, then kinds of devices", () => {
  const rows = listHardware();
  assert.deepEqual(rows[0], {
    name: "jean-zay-a100-8",
    aliases: rows[0]?.aliases,
    is: "node",
    devices: "8x A100-SXM4-80GB",
    deviceMemoryBytes: 84_986_665_369,
    deviceBandwidthBytesPerSecond: 2_039_000_000_000,
    hostMemoryBytes: 512_000_000_000,
    diskBytesPerSecond: 3_000_000_000,
    source: rows[0]?.source,
  });
  const cpu = rows.at(-1);
  assert.deepEqual([cpu?.name, cpu?.is, cpu?.deviceMemoryBytes], ["cpu", "device", null]);
});

Deno.test("listStacks() shows the versions of each stack", () => {
  assert.deepEqual(listStacks().map((row) => [row.name, row.versions["deepspeed"]]), [
    ["2022-07", "0.6.7"],
    ["2022-09", "0.7.3"],
    ["current", "0.19.8"],
  ]);
});
