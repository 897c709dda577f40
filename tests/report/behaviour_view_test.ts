import assert from "node:assert/strict";
import { findBehaviour } from "../../lib/catalog/behaviours.ts";
import { behaviourBlocks, renderBehaviour } from "../../lib/report/behaviour_view.ts";

Deno.test("a behaviour is told with its versions and its source", () => {
  const behaviour = findBehaviour("pinned-memory-power-of-two");
  assert.ok(behaviour);
  const text = renderBehaviour(behaviour);
  assert.match(text, /^pinned-memory-power-of-two: /);
  assert.ok(text.includes(behaviour.description) && text.includes(behaviour.source));
  assert.match(text, /versions {4}torch >=/);
});

Deno.test("a cell without behaviours has no section for them", () => {
  assert.deepEqual(behaviourBlocks([]), []);
});
