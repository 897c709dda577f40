import assert from "node:assert/strict";
import fc from "fast-check";
import {
  MAX_HEADER_BYTES,
  parseHeader,
  parseHeaderLength,
  PREFIX_BYTES,
} from "../../lib/catalog/safetensors.ts";

const SEED = 20220717;

function prefix(length: bigint): Uint8Array {
  const bytes = new Uint8Array(PREFIX_BYTES);
  new DataView(bytes.buffer).setBigUint64(0, length, true);
  return bytes;
}

function problemOf(header: unknown, dataBytes: number): string {
  const text = typeof header === "string" ? header : JSON.stringify(header);
  const result = parseHeader(new TextEncoder().encode(text), dataBytes, "model.safetensors");
  assert.ok("problem" in result, "the header was accepted");
  return result.problem;
}

Deno.test("parseHeaderLength() reads eight bytes, little-endian", () => {
  assert.deepEqual(parseHeaderLength(prefix(300n), 1000), { length: 300 });
});

Deno.test("parseHeaderLength() refuses a length that the file or the format does not have", () => {
  assert.match(JSON.stringify(parseHeaderLength(new Uint8Array(3), 3)), /too short/);
  assert.match(JSON.stringify(parseHeaderLength(prefix(993n), 1000)), /the file has 1000/);
  assert.match(
    JSON.stringify(parseHeaderLength(prefix(2n ** 64n - 1n), 1000)),
    /more than the format/,
  );
  const tooLong = BigInt(MAX_HEADER_BYTES) + 1n;
  assert.match(JSON.stringify(parseHeaderLength(prefix(tooLong), 2 ** 40)), /more than the format/);
});

Deno.test("parseHeader() gives name, dtype, shape and bytes of every tensor", () => {
  const header = new TextEncoder().encode(JSON.stringify({
    __metadata__: { format: "pt" },
    weight: { dtype: "BF16", shape: [3, 4], data_offsets: [0, 24] },
    scalar: { dtype: "F32", shape: [], data_offsets: [24, 28] },
    empty: { dtype: "I64", shape: [0, 7], data_offsets: [28, 28] },
  }));
  assert.deepEqual(parseHeader(header, 28, "a.safetensors"), {
    tensors: [
      { name: "weight", dtype: "BF16", shape: [3, 4], bytes: 24, begin: 0, file: "a.safetensors" },
      { name: "scalar", dtype: "F32", shape: [], bytes: 4, begin: 24, file: "a.safetensors" },
      { name: "empty", dtype: "I64", shape: [0, 7], bytes: 0, begin: 28, file: "a.safetensors" },
    ],
  });
});

Deno.test("parseHeader() keeps hostile names as they are", () => {
  const name = '__proto__"; rm -rf / #\u0000../../etc/passwd';
  const header = `{"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},${
    JSON.stringify(name)
  }:{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`;
  const result = parseHeader(new TextEncoder().encode(header), 2, "a.safetensors");
  assert.ok("tensors" in result);
  assert.deepEqual(result.tensors.map((tensor) => tensor.name), ["__proto__", name]);
});

Deno.test("parseHeader() says what is wrong with a header", () => {
  const good = { dtype: "F32", shape: [2], data_offsets: [0, 8] };
  assert.match(problemOf("not json", 0), /not JSON/);
  assert.match(problemOf("[".repeat(200_000), 0), /not JSON/);
  assert.match(problemOf([], 0), /not a JSON object/);
  assert.match(problemOf({ a: null }, 0), /not an object/);
  assert.match(problemOf({ a: { ...good, dtype: "F33" } }, 8), /unknown dtype/);
  assert.match(problemOf({ a: { ...good, dtype: "constructor" } }, 8), /unknown dtype/);
  assert.match(problemOf({ a: { ...good, shape: [-2] } }, 8), /list of sizes/);
  assert.match(problemOf({ a: { ...good, shape: [1.5] } }, 8), /list of sizes/);
  assert.match(
    problemOf({ a: { ...good, shape: [2 ** 40, 2 ** 40] } }, 8),
    /not a number of bytes/,
  );
  assert.match(problemOf({ a: { ...good, data_offsets: [0] } }, 8), /data_offsets/);
  assert.match(problemOf({ a: { ...good, data_offsets: [8, 0] } }, 8), /takes -8 bytes/);
  assert.match(problemOf({ a: good }, 12), /take 8 bytes and the file has 12/);
  assert.match(problemOf({ a: good, b: good }, 16), /overlap or leave a gap at byte 8/);
  assert.match(problemOf({ a: { ...good, data_offsets: [4, 12] } }, 12), /gap at byte 0/);
});

Deno.test("parseHeader() never throws and never gives a size that is not a number", () => {
  const size = fc.oneof(fc.integer(), fc.double(), fc.constantFrom(0, 1, 2 ** 53, 1e308, -0));
  const tensor = fc.record({
    dtype: fc.oneof(fc.constantFrom("F32", "BF16", "F4", "F6_E2M3", "U8"), fc.string()),
    shape: fc.oneof(fc.array(size, { maxLength: 4 }), fc.jsonValue()),
    data_offsets: fc.oneof(fc.tuple(size, size), fc.jsonValue()),
  });
  const header = fc.oneof(
    fc.dictionary(fc.string(), fc.oneof(tensor, fc.jsonValue())).map((value) =>
      new TextEncoder().encode(JSON.stringify(value))
    ),
    fc.uint8Array({ maxLength: 200 }),
  );
  fc.assert(
    fc.property(header, fc.nat(), (bytes, dataBytes) => {
      const result = parseHeader(bytes, dataBytes, "fuzz.safetensors");
      if ("problem" in result) return result.problem.length > 0;
      const sum = result.tensors.reduce((total, each) => total + each.bytes, 0);
      return sum === dataBytes && result.tensors.every((each) => Number.isSafeInteger(each.bytes));
    }),
    { seed: SEED, numRuns: 2000 },
  );
});

Deno.test("parseHeader() accepts every header that a writer lays out without gaps", () => {
  const sizes = fc.array(fc.nat({ max: 9 }), { maxLength: 3 });
  fc.assert(
    fc.property(fc.dictionary(fc.string(), sizes), (shapes) => {
      let offset = 0;
      const entries = Object.entries(shapes).filter(([name]) => name !== "__metadata__").map(
        ([name, shape]) => {
          const begin = offset;
          offset += 2 * shape.reduce((product, each) => product * each, 1);
          return [name, { dtype: "F16", shape, data_offsets: [begin, offset] }] as const;
        },
      );
      const json = `{${
        entries.map(([name, entry]) => `${JSON.stringify(name)}:${JSON.stringify(entry)}`).join(",")
      }}`;
      const result = parseHeader(new TextEncoder().encode(json), offset, "right.safetensors");
      return "tensors" in result && result.tensors.length === entries.length;
    }),
    { seed: SEED, numRuns: 500 },
  );
});
