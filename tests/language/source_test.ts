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

Deno.test("other encodings of Unicode are named", () => {
  const cases: readonly (readonly [bytes: readonly number[], name: string])[] = [
    [[0xff, 0xfe, 0x6d, 0x00], "UTF-16"],
    [[0xfe, 0xff, 0x00, 0x6d], "UTF-16"],
    [[0x00, 0x6d, 0x00, 0x6f], "UTF-16"],
    [[0x6d, 0x00, 0x6f, 0x00], "UTF-16"],
    [[0xff, 0xfe, 0x00, 0x00], "UTF-32"],
    [[0x00, 0x00, 0xfe, 0xff], "UTF-32"],
  ];
  for (const [bytes, name] of cases) {
    const [diagnostic] = decodeSource(new Uint8Array(bytes), PATH).diagnostics;
    assert.equal(diagnostic?.message, `The file is not UTF-8 text: it is in ${name}`);
  }
});
