import assert from "node:assert/strict";
import { positiveInteger } from "../../lib/model/config.ts";

Deno.test("the first spelling that is present counts", () => {
  const spellings = { size: ["hidden_size", "n_embed"] };
  assert.deepEqual(positiveInteger({ n_embed: 3 }, spellings).value, { size: 3 });
  assert.deepEqual(positiveInteger({ hidden_size: 2, n_embed: 3 }, spellings).value, { size: 2 });
});

Deno.test("only whole numbers from 1 to 2^31 - 1 are sizes", () => {
  const of = (size: unknown) => positiveInteger({ size }, { size: ["size"] }).value?.size;
  assert.equal(of(1), 1);
  assert.equal(of(2 ** 31 - 1), 2 ** 31 - 1);
  for (const bad of [0, -1, 1.5, 2 ** 31, Number.NaN, Infinity, "8", null, true, [8]]) {
    assert.equal(of(bad), undefined, String(bad));
  }
});

Deno.test("a key that an object has by birth is not a size", () => {
  assert.equal(positiveInteger({}, { size: ["constructor"] }).value, undefined);
});

Deno.test("everything wrong is told at once, at the config", () => {
  const { diagnostics } = positiveInteger({ a: -1 }, { a: ["a"], b: ["b", "c"] });
  assert.deepEqual(diagnostics.map(({ message }) => message), [
    'The model config is impossible: "a" must be a whole number from 1 to 2147483647',
    'The model config is impossible: the config lacks "b" or "c"',
  ]);
  assert.deepEqual(diagnostics[0]?.path, ["model", "config"]);
});
