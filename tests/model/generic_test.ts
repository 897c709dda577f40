import assert from "node:assert/strict";
import { genericEstimate } from "../../lib/model/generic.ts";

Deno.test("a decoder of any family has an estimate from its sizes, under any spelling", () => {
  const estimate = genericEstimate({ hidden_size: 100, num_hidden_layers: 3, vocab_size: 1000 });
  assert.deepEqual(estimate, {
    parameters: 12 * 3 * 100 ** 2 + 1000 * 100,
    kvBytesPerToken: 2 * 3 * 100 * 2,
  });
  assert.deepEqual(genericEstimate({ d_model: 100, num_layers: 3, vocab_size: 1000 }), estimate);
});

Deno.test("a config without sizes, or with absurd ones, has none", () => {
  assert.equal(genericEstimate({ hidden_size: 100 }), undefined);
  const absurd = { hidden_size: 2 ** 30, num_hidden_layers: 2 ** 30, vocab_size: 10 };
  assert.equal(genericEstimate(absurd), undefined);
});
