import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { jsonPieces, writeJsonWhole } from "../../lib/run/json_file.ts";

Deno.test("the pieces are what JSON.stringify gives", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (object) => {
      assert.equal([...jsonPieces(object)].join(""), `${JSON.stringify(object, null, 2)}\n`);
    }),
    { seed: 5, numRuns: 500 },
  );
});

Deno.test("what is absent is left out, as JSON does", () => {
  const object = { a: undefined, b: [], c: [1, { d: "x\ny" }], e: {} };
  assert.equal([...jsonPieces(object)].join(""), `${JSON.stringify(object, null, 2)}\n`);
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
