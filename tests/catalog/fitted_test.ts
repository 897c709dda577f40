import assert from "node:assert/strict";
import { fittedTo } from "../../lib/catalog/fitted.ts";

Deno.test("constants name the measurements that they were fitted to", () => {
  const table = fittedTo("published 2022-07");
  assert.ok(table.includes("readBytesPerSecond of A100-SXM4-80GB"));
  assert.ok(table.includes("zeroUnidentifiedBytes"));
  assert.ok(fittedTo("fixtures/measurements/cpu_times/tiny.json").includes("launchSeconds of cpu"));
  assert.ok(fittedTo("/home/me/fixtures/h100_accelerate.jsonl").length > 0);
});

Deno.test("nothing was fitted to a run of today", () => {
  assert.deepEqual(fittedTo("runs/2026-11-25T07-00-00-tiny/results.json"), []);
});
