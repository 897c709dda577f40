import assert from "node:assert/strict";
import {
  evenHeadDim,
  otherThanTraced,
  positiveInteger,
  readSizes,
} from "../../lib/model/config.ts";

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
    'The model config cannot be used: "a" must be a whole number from 1 to 2147483647',
    'The model config cannot be used: the config lacks "b" or "c"',
  ]);
  assert.deepEqual(diagnostics[0]?.path, ["model", "config"]);
});

Deno.test("optional sizes may be missing or null, but not wrong", () => {
  const read = (config: Record<string, unknown>) =>
    readSizes({ size: 4, ...config }, { size: ["size"] }, { inner: "n_inner" });
  assert.deepEqual(read({}).value, { size: 4 });
  assert.deepEqual(read({ n_inner: null }).value, { size: 4 });
  assert.deepEqual(read({ n_inner: 16 }).value, { size: 4, inner: 16 });
  assert.equal(read({ n_inner: -1 }).value, undefined);
});

Deno.test("heads that do not share the hidden size evenly are refused, as the config spells them", () => {
  assert.equal(evenHeadDim({ hiddenSize: 64, heads: 4 }).value, 16);
  const spellings = { hiddenSize: ["n_embd", "hidden_size"], heads: ["n_head"] };
  const { value, diagnostics } = evenHeadDim({ hiddenSize: 65, heads: 4 }, spellings);
  assert.equal(value, undefined);
  assert.equal(
    diagnostics[0]?.message,
    "The model config cannot be used: n_embd 65 is not divisible by n_head 4",
  );
});

Deno.test("a switch that changes what is allocated is refused, and silence means the library's default", () => {
  const switches = { plain: false, usual: true };
  assert.equal(otherThanTraced({}, switches), undefined);
  assert.equal(otherThanTraced({ plain: false, usual: true, odd: true }, switches), undefined);
  const refused = otherThanTraced({ usual: false }, switches);
  assert.match(refused?.diagnostics[0]?.message ?? "", /usual: false is not traced$/);
});
