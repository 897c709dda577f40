import assert from "node:assert/strict";
import { elements } from "../../lib/trace/trace.ts";

Deno.test("the number of elements is the product of the sizes", () => {
  assert.equal(elements([2, 3, 4]), 24);
  assert.equal(elements([]), 1);
  assert.equal(elements([250880, 14336]), 3_596_615_680);
});
