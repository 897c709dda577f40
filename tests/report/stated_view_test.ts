import assert from "node:assert/strict";
import { statedItems } from "../../lib/report/stated_view.ts";
import { cell, reported } from "./builders.ts";

Deno.test("figures that a script has printed are told with their rule", () => {
  const first = reported(cell({ use: "accelerate", batchSize: 1 }));
  function stated(countsPrompt: boolean | null) {
    const { measurement } = first;
    assert.ok(measurement);
    const figures = { variant: "v2", msPerToken: 5, countsPrompt, passes: 1 };
    return { ...first, measurement: { ...measurement, stated: figures } };
  }
  assert.deepEqual(statedItems([first]), []);
  assert.deepEqual(
    statedItems([stated(true), stated(true), stated(null)]).map(({ text }) => text),
    [
      "scripts: 2 figures printed by the command itself, whose tokens count the prompt: converted to new tokens",
      "scripts: 1 figure printed by the command itself, which does not tell whether its tokens count the prompt: taken as new tokens",
    ],
  );
});
