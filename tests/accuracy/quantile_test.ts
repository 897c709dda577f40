import assert from "node:assert/strict";
import { median, quantile } from "../../lib/accuracy/quantile.ts";

Deno.test("median() takes the middle, or the mean of two", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.equal(median([]), 0);
});

Deno.test("quantile() holds a part of the values, and all of a few", () => {
  const ten = [10, 1, 9, 2, 8, 3, 7, 4, 6, 5];
  assert.equal(quantile(ten, 0.9), 9);
  assert.equal(quantile([3, 1], 0.9), 3);
  assert.equal(quantile([], 0.9), 0);
});
