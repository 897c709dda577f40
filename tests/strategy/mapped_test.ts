import assert from "node:assert/strict";
import { isMapped, mappedBytes } from "../../lib/strategy/mapped.ts";
import { CPU, strategyContext } from "./contexts.ts";

Deno.test("files are mapped unless they are converted, pickled or not there", () => {
  const context = strategyContext();
  assert.ok(isMapped("float16", context));
  assert.ok(isMapped("float16", { ...context, checkpointDtype: "float16" }));
  assert.ok(!isMapped("float16", { ...context, checkpointDtype: "bfloat16" }));
  assert.ok(!isMapped("float16", strategyContext({ weights: "on-device" })));
  assert.ok(!isMapped("float16", strategyContext({ stack: "2022-07" })));
});

Deno.test("a cpu device holds the pages of its files; ZeRO while it loads only", () => {
  const of = (use: "accelerate" | "ds-zero", device = CPU) =>
    mappedBytes("float32", strategyContext({ use, device }), 100);
  assert.deepEqual(of("accelerate"), { loading: 100, generating: 100 });
  assert.deepEqual(of("ds-zero"), { loading: 100, generating: 0 });
  const onGpu = mappedBytes("float16", strategyContext(), 100);
  assert.deepEqual(onGpu, { loading: 0, generating: 0 });
});
