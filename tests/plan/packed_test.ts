import assert from "node:assert/strict";
import fc from "fast-check";
import { PackedValues } from "../../lib/plan/packed.ts";

Deno.test("what is packed comes out as it was, whatever it is", () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue(), { maxLength: 20 }), (values) => {
      const packed = new PackedValues<unknown>();
      const places = values.map((value) => packed.add(value));
      assert.deepEqual(places.map((place) => packed.get(place)), values);
    }),
    { seed: 20220717, numRuns: 300 },
  );
});

Deno.test("keys in another order, empty things and what JSON has no form for stay what they are", () => {
  const packed = new PackedValues<unknown>();
  const values = [{ a: 1, b: 2 }, { b: 2, a: 1 }, {}, [], "", { a: undefined }, Infinity, -0, [[]]];
  const places = values.map((value) => packed.add(value));
  assert.deepEqual(places.map((place) => packed.get(place)), values);
  assert.deepEqual(Object.keys(packed.get(1) as object), ["b", "a"]);
  assert.throws(() => packed.add(() => {}), TypeError);
  assert.throws(() => packed.get(values.length), RangeError);
});

Deno.test("a text that looks like a part of an outline is only a text", () => {
  const packed = new PackedValues<unknown>();
  const values = [["n"], ["t"], [1], ['{"a"n}'], { "n": "[" }, { 'a"n': 1 }];
  const places = values.map((value) => packed.add(value));
  assert.deepEqual(places.map((place) => packed.get(place)), values);
});
