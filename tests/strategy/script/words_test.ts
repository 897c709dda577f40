import assert from "node:assert/strict";
import {
  fillWord,
  notPlaceholder,
  PLACEHOLDERS,
  placeholdersIn,
} from "../../../lib/strategy/script/words.ts";

const VALUES = {
  batchSize: 8,
  promptTokens: 4,
  newTokens: 100,
  model: "{{ batchSize }}; $(rm -rf /)",
  checkpoint: "/cache/a b",
  dtype: "float16",
  devices: 2,
  port: 29500,
  python: "/env/bin/python",
  session: "/runs/a",
};

Deno.test("placeholders are filled in once: a value is never read as a word", () => {
  assert.equal(fillWord("--bs={{batchSize}}/{{ tokens }}", VALUES), "--bs=8/100");
  assert.equal(fillWord("{{ model }}", VALUES), "{{ batchSize }}; $(rm -rf /)");
  assert.equal(fillWord("{{ checkpoint }}", VALUES), "/cache/a b");
  assert.equal(fillWord("{single} $1 $&", VALUES), "{single} $1 $&");
});

Deno.test("every name that is told can be filled in", () => {
  for (const name of PLACEHOLDERS) assert.notEqual(fillWord(`{{ ${name} }}`, VALUES), "");
});

Deno.test("nothing but a name stands between the braces", () => {
  assert.deepEqual(placeholdersIn("{{ a }} {{b}} {{ c | upper }} {{ d.e }}"), ["a", "b"]);
  assert.equal(notPlaceholder("--x={{ batchSize }}"), undefined);
  for (
    const word of ["{{ a | upper }}", "{% for x in y %}", "{# note #}", "{{ a.b }}", "{{ '' }}"]
  ) {
    assert.notEqual(notPlaceholder(word), undefined, word);
  }
  for (const name of ["constructor", "__proto__", "toString"]) {
    assert.throws(() => fillWord(`{{ ${name} }}`, VALUES), TypeError);
  }
});
