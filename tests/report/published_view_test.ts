import assert from "node:assert/strict";
import { renderText } from "../../lib/report/document.ts";
import { publishedBlocks } from "../../lib/report/published_view.ts";
import { cell, plan } from "./builders.ts";

function textOf(changes: Parameters<typeof plan>[1] = {}): string {
  const cells = [1, 8, 64].map((batchSize) => cell({ use: "ds-inference", batchSize }));
  return renderText(publishedBlocks(plan(cells, changes)));
}

Deno.test("published figures stand above the prediction, in milliseconds per new token", () => {
  const text = textOf();
  assert.match(text, /ds-inference +43\.6 +5\.75 +3\.04 \(!\)\n {2}predicted +31\.8/);
  assert.match(text, /ds-inference +662 +673 +685/);
  assert.match(text, /converted from the rule of July 2022/);
  assert.match(text, /outlier/);
});

Deno.test("a figure that is printed as oom stays one, and one that was not published is a dash", () => {
  const cells = [8, 16].map((batchSize) => cell({ use: "ds-zero", batchSize }));
  const text = renderText(publishedBlocks(plan(cells)));
  assert.match(text, /ds-zero +38\.3 +oom/);
  assert.match(text, /ds-zero +463 +-\n/);
});

Deno.test("nothing is said of other hardware, another stack, or cells that were not published", () => {
  const { hardware, stack } = plan([]);
  assert.deepEqual(
    textOf({ hardware: { ...hardware, devices: { ...hardware.devices, count: 4 } } }),
    "\n",
  );
  assert.equal(textOf({ stack: { ...stack, name: "current" } }), "\n");
  const other = cell({ use: "accelerate", batchSize: 3 });
  assert.deepEqual(publishedBlocks(plan([other])), []);
});
