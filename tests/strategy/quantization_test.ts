import assert from "node:assert/strict";
import { quantizationProblems } from "../../lib/strategy/quantization.ts";
import { accelerateSpec, CPU, dsInferenceSpec, dsZeroSpec, strategyContext } from "./contexts.ts";

Deno.test("int8 is planned for GPUs with a stack that had it, and not for ZeRO", () => {
  const old = strategyContext({ stack: "2022-09" });
  const int8 = { dtype: "int8" } as const;
  const codes = (...parameters: Parameters<typeof quantizationProblems>) =>
    quantizationProblems(...parameters).map(({ code, path }) => [code, path]);
  assert.deepEqual(codes(accelerateSpec(int8), old), []);
  assert.deepEqual(codes(dsInferenceSpec(int8), old), []);
  const refused = [["STW316", ["dtype"]]];
  assert.deepEqual(codes(dsZeroSpec(int8), old), refused);
  assert.deepEqual(codes(accelerateSpec(int8), strategyContext()), refused);
  assert.deepEqual(
    codes(accelerateSpec(int8), { ...old, hardware: { ...old.hardware, device: CPU } }),
    refused,
  );
  assert.deepEqual(codes(accelerateSpec(), strategyContext()), []);
});
