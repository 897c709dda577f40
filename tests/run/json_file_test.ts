import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { LazyList, writeJson, writeJsonWhole } from "../../lib/run/json_file.ts";

function textOf(object: object): string {
  const decoder = new TextDecoder();
  let text = "";
  writeJson(object, (bytes) => text += decoder.decode(bytes, { stream: true }));
  return text + decoder.decode();
}

Deno.test("what is written is what JSON.stringify gives", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (object) => {
      assert.equal(textOf(object), `${JSON.stringify(object, null, 2)}\n`);
    }),
    { seed: 5, numRuns: 500 },
  );
});

Deno.test("what is absent is left out, as JSON does", () => {
  const object = {
    a: undefined,
    b: [],
    c: [1, undefined, { d: "x\ny" }, NaN, -0, 1e21],
    e: {},
    ü: ["\ud800", "é\u2028🐳", '"\\'],
  };
  assert.equal(textOf(object), `${JSON.stringify(object, null, 2)}\n`);
});

Deno.test("texts and lists of any size go through a buffer of one size", () => {
  const object = {
    long: "é".repeat(100_000),
    list: Array.from({ length: 9999 }, (_, index) => "ä".repeat(index % 50)),
  };
  assert.equal(textOf(object), `${JSON.stringify(object, null, 2)}\n`);
});

Deno.test("items of a lazy list are made while they are written", () => {
  let made = 0;
  function* items() {
    for (; made < 3; made += 1) yield { made };
  }
  const text = textOf({ list: new LazyList(items), none: new LazyList(() => []) });
  assert.deepEqual(JSON.parse(text), {
    list: [{ made: 0 }, { made: 1 }, { made: 2 }],
    none: [],
  });
});

Deno.test("a file is written whole, or stays as it was", () => {
  const folder = Deno.makeTempDirSync();
  const path = join(folder, "a.json");
  writeJsonWhole(path, { list: Array.from({ length: 20_000 }, (_, index) => ({ index })) });
  const before = Deno.readTextFileSync(path);
  assert.equal(JSON.parse(before).list.length, 20_000);
  assert.throws(() => writeJsonWhole(path, { list: [1n] }), TypeError);
  assert.equal(Deno.readTextFileSync(path), before);
  assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["a.json"]);
  Deno.removeSync(folder, { recursive: true });
});
