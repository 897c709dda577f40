import assert from "node:assert/strict";
import { resolveStack, sameRelease, stackFacts } from "../../lib/catalog/stack.ts";

Deno.test("the stacks of 2022 can be predicted and only the current one runs", () => {
  const runnable = stackFacts().map((stack) => [stack.name, stack.runnable]);
  assert.deepEqual(runnable, [["2022-07", false], ["2022-09", false], ["current", true]]);
  assert.deepEqual(resolveStack({ name: "current" }).value, {
    name: "current",
    versions: {
      torch: "2.13.0",
      transformers: "4.57.3",
      accelerate: "1.15.0",
      deepspeed: "0.19.8",
    },
    runnable: true,
  });
});

Deno.test("resolveStack() suggests the name that was meant", () => {
  const { value, diagnostics } = resolveStack({ name: "2022-7" });
  assert.equal(value, undefined);
  assert.equal(diagnostics[0]?.code, "STW206");
  assert.match(diagnostics[0]?.help ?? "", /^Did you mean "2022-07"\?/);
});

Deno.test("resolveStack() completes spelled versions and does not claim to run them", () => {
  const { value } = resolveStack({ versions: { torch: "2.11.0", transformers: "5.17.0" } });
  assert.equal(value?.name, "torch-2.11.0_transformers-5.17.0");
  assert.equal(value?.versions["deepspeed"], "0.19.8");
  assert.equal(value?.runnable, false);
});

Deno.test("resolveStack() knows a stack of the catalog by its versions, build tags aside", () => {
  const { value } = resolveStack({ versions: { torch: "2.13.0+cpu" } });
  assert.equal(value?.name, "current");
  assert.equal(value?.runnable, true);
  assert.equal(value?.versions["torch"], "2.13.0+cpu");
});

Deno.test("resolveStack() names every package and version that it cannot use", () => {
  const { value, diagnostics } = resolveStack({
    versions: {
      pytorch: "2.13.0",
      torch: "2.13",
      deepspeed: "latest",
      accelerate: ">=1; rm -rf /",
    },
  });
  assert.equal(value, undefined);
  assert.deepEqual(diagnostics.map((each) => [each.code, each.path?.[1]]), [
    ["STW207", "pytorch"],
    ["STW208", "deepspeed"],
    ["STW208", "accelerate"],
  ]);
  assert.match(diagnostics[0]?.help ?? "", /"torch"/);
});

Deno.test("resolveStack() accepts releases as PyPI writes them", () => {
  for (const torch of ["2.6.0+cu124", "1.12.0", "2.9.0rc1", "2.9.0.dev20260101", "1.0.0.post1"]) {
    assert.deepEqual(resolveStack({ versions: { torch } }).diagnostics, [], torch);
  }
});

Deno.test("sameRelease() leaves build tags out", () => {
  assert.ok(sameRelease("2.13.0+cpu", "2.13.0"));
  assert.ok(!sameRelease("2.13.0", "2.13.1"));
});
