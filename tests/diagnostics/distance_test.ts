import assert from "node:assert/strict";
import fc from "fast-check";
import { editDistance } from "../../lib/diagnostics/distance.ts";

/** The same by its definition, without a limit. */
function plainDistance(a: string, b: string): number {
  const table = Array.from(
    { length: a.length + 1 },
    (_, i) => Array.from({ length: b.length + 1 }, (_, j) => i === 0 ? j : i),
  );
  const get = (i: number, j: number) => table[i]?.[j] ?? NaN;
  for (let i = 1; i <= a.length; i += 1) {
    for (let j = 1; j <= b.length; j += 1) {
      let least = Math.min(
        get(i - 1, j) + 1,
        get(i, j - 1) + 1,
        get(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1),
      );
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, get(i - 2, j - 2) + 1);
      }
      const row = table[i];
      if (row !== undefined) row[j] = least;
    }
  }
  return get(a.length, b.length);
}

Deno.test("letters inserted, removed, replaced or swapped count one each", () => {
  assert.equal(editDistance("model", "model", 3), 0);
  assert.equal(editDistance("modl", "model", 3), 1);
  assert.equal(editDistance("moodel", "model", 3), 1);
  assert.equal(editDistance("modal", "model", 3), 1);
  assert.equal(editDistance("modle", "model", 3), 1);
  assert.equal(editDistance("", "abc", 3), 3);
});

Deno.test("a distance beyond the limit is the limit and one", () => {
  assert.equal(editDistance("abcdef", "uvwxyz", 2), 3);
  assert.equal(editDistance("a", "abcdef", 2), 3);
  assert.equal(editDistance("ab", "cd", 0), 1);
});

Deno.test("the limit changes no smaller distance", () => {
  const word = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 9 });
  fc.assert(
    fc.property(word, word, fc.nat(6), (a, b, limit) => {
      assert.equal(editDistance(a, b, limit), Math.min(plainDistance(a, b), limit + 1));
    }),
    { seed: 14, numRuns: 2000 },
  );
});
