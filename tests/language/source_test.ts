import assert from "node:assert/strict";
import { decodeSource, MAX_SOURCE_BYTES } from "../../lib/language/source.ts";
import { PATH } from "./builders.ts";

function codes(bytes: Uint8Array): readonly string[] {
  return decodeSource(bytes, PATH).diagnostics.map(({ code }) => code);
}

Deno.test("UTF-8 is decoded, and a byte order mark is dropped", () => {
  const bytes = new TextEncoder().encode("\ufeffname: é😀\n");
  assert.deepEqual(decodeSource(bytes, PATH), { value: "name: é😀\n", diagnostics: [] });
});

Deno.test("bytes that are not UTF-8 are refused", () => {
  assert.deepEqual(codes(new Uint8Array([0x61, 0xff, 0xfe])), ["STW108"]);
  assert.deepEqual(codes(new Uint8Array([0xed, 0xa0, 0x80])), ["STW108"]);
  assert.deepEqual(codes(new Uint8Array([0xc3])), ["STW108"]);
});

Deno.test("a file of the largest size is read and one byte more is refused", () => {
  assert.deepEqual(codes(new Uint8Array(MAX_SOURCE_BYTES).fill(0x20)), []);
  assert.deepEqual(codes(new Uint8Array(MAX_SOURCE_BYTES + 1).fill(0x20)), ["STW109"]);
});

Deno.test("an empty file is text", () => {
  assert.deepEqual(decodeSource(new Uint8Array(0), PATH), { value: "", diagnostics: [] });
});
