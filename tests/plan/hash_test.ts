import assert from "node:assert/strict";
import { hashJson, sha256 } from "../../lib/plan/hash.ts";

Deno.test("the hash is SHA-256 in hexadecimal", () => {
  // FIPS 180-2, appendix B.1
  const expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  assert.equal(sha256("abc"), expected);
  assert.equal(sha256(new TextEncoder().encode("abc")), expected);
});

Deno.test("the order of keys does not count, at any depth", () => {
  assert.equal(
    hashJson({ a: 1, b: { c: [{ d: 2, e: 3 }], f: null } }),
    hashJson({ b: { f: null, c: [{ e: 3, d: 2 }] }, a: 1 }),
  );
});

Deno.test("values, types and the order of lists count", () => {
  const hashes = [{ a: 1 }, { a: "1" }, { a: [1, 2] }, { a: [2, 1] }, { a: null }, {}, []].map(
    hashJson,
  );
  assert.equal(new Set(hashes).size, hashes.length);
});

Deno.test("keys that look like numbers are like any others", () => {
  assert.equal(hashJson({ 10: 1, 9: 2, a: 3 }), hashJson({ a: 3, 9: 2, 10: 1 }));
});
