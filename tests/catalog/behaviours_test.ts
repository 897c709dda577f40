import assert from "node:assert/strict";
import {
  BEHAVIOURS,
  behavioursOf,
  findBehaviour,
  rangeText,
} from "../../lib/catalog/behaviours.ts";
import { resolveStack, STACK_PACKAGES } from "../../lib/catalog/stack.ts";
import { inRange } from "../../lib/catalog/version_range.ts";

function versionsOf(name: string): Readonly<Record<string, string>> {
  return resolveStack({ name }).value?.versions ?? {};
}

Deno.test("every behaviour can be read: packages of stacks, ranges, strategies, a source", () => {
  for (const { name, when, strategies, source, description } of BEHAVIOURS) {
    assert.match(name, /^[a-z0-9]+(-[a-z0-9]+)*$/);
    assert.ok(strategies.length > 0 && source.length > 20 && description.length > 40, name);
    for (const ranges of when) {
      for (const [packageName, range] of Object.entries(ranges)) {
        assert.ok(STACK_PACKAGES.includes(packageName), name);
        assert.doesNotThrow(() => inRange("1.0.0", range), name);
      }
    }
  }
});

Deno.test("a stack has the behaviours of its versions and not their opposites", () => {
  const old = behavioursOf({ versions: versionsOf("2022-07") });
  const current = behavioursOf({ versions: versionsOf("current") });
  assert.ok(old.has("kv-cache-to-first-gpu") && !old.has("kv-cache-follows-layer"));
  assert.ok(!current.has("kv-cache-to-first-gpu") && current.has("kv-cache-follows-layer"));
  assert.ok(
    old.has("kernel-workspace-128-tokens") && current.has("kernel-workspace-by-free-memory"),
  );
  assert.ok(old.has("bloom-tuple-cache") && current.has("kv-cache-replaced-by-layer"));
});

Deno.test("one library that does not skip the cache is enough to move it", () => {
  const { versions } = { versions: { ...versionsOf("current"), transformers: "4.29.2" } };
  const behaviours = behavioursOf({ versions });
  assert.ok(behaviours.has("kv-cache-to-first-gpu") && !behaviours.has("kv-cache-follows-layer"));
});

Deno.test("a package that a stack lacks does nothing", () => {
  assert.deepEqual([...behavioursOf({ versions: {} })], []);
});

Deno.test("ranges are told in words", () => {
  const behaviour = findBehaviour("kv-cache-to-first-gpu");
  assert.equal(behaviour && rangeText(behaviour), "accelerate <0.20.0, or transformers <4.30.0");
  assert.equal(findBehaviour("kv-cache"), undefined);
});
