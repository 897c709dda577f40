import assert from "node:assert/strict";
import { hostileText } from "../texts.ts";
import * as fc from "fast-check";
import {
  DEVICES_PATTERN,
  isDeviceCount,
  looksLikeDevices,
  parseDevices,
  parseQuantity,
  QUANTITY_EXAMPLES,
  type QuantityKind,
  quantityPattern,
  unitsOf,
} from "../../lib/language/units.ts";

const KINDS: readonly QuantityKind[] = ["size", "rate", "duration", "flops"];

/** Powers that the units stand for, written down apart from the table of the implementation. */
const FACTORS: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
  s: 1,
  min: 60,
  h: 3600,
  GFLOPS: 1e9,
  TFLOPS: 1e12,
  PFLOPS: 1e15,
};

function factorOf(unit: string): number {
  return FACTORS[unit.replace(/\/s$/, "")] ?? NaN;
}

Deno.test("sizes, rates, durations and rates of operations mean what they say", () => {
  assert.equal(parseQuantity("size", "512GB"), 512_000_000_000);
  assert.equal(parseQuantity("size", "79GiB"), 84_825_604_096);
  assert.equal(parseQuantity("size", "1.5 GiB"), 1_610_612_736);
  assert.equal(parseQuantity("size", " 0.001kB "), 1);
  assert.equal(parseQuantity("rate", "3GB/s"), 3_000_000_000);
  assert.equal(parseQuantity("duration", "1.5h"), 5400);
  assert.equal(parseQuantity("flops", "312TFLOPS"), 312e12);
});

Deno.test("a number without a unit is in bytes, seconds or operations", () => {
  for (const kind of KINDS) {
    assert.equal(parseQuantity(kind, 4096), 4096);
    assert.equal(parseQuantity(kind, "4096"), 4096);
  }
  assert.ok(Object.is(parseQuantity("size", -0), 0));
});

Deno.test("a whole number in any unit is read exactly", () => {
  const inputs = fc.constantFrom(...KINDS).chain((kind) =>
    fc.record({
      kind: fc.constant(kind),
      unit: fc.constantFrom(...unitsOf(kind)),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
      space: fc.constantFrom("", " ", "  "),
    })
  );
  fc.assert(
    fc.property(inputs, ({ kind, unit, share, space }) => {
      const factor = factorOf(unit);
      const whole = Math.floor(share * Math.floor(Number.MAX_SAFE_INTEGER / factor));
      assert.equal(parseQuantity(kind, `${whole}${space}${unit}`), whole * factor);
    }),
    { seed: 1 },
  );
});

Deno.test("bytes written as a decimal fraction of a larger unit are read back exactly", () => {
  const bytes = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
  fc.assert(
    fc.property(bytes, fc.constantFrom(3, 6, 9, 12), (value, digits) => {
      const unit = { 3: "kB", 6: "MB", 9: "GB", 12: "TB" }[digits];
      const text = String(value).padStart(digits + 1, "0");
      const written = `${text.slice(0, -digits)}.${text.slice(-digits)}${unit}`;
      assert.equal(parseQuantity("size", written), value);
    }),
    { seed: 2 },
  );
});

Deno.test("any text gives a whole number that JSON can hold or a problem", () => {
  fc.assert(
    fc.property(fc.constantFrom(...KINDS), hostileText(), (kind, text) => {
      const parsed = parseQuantity(kind, text);
      assert.ok(typeof parsed === "object" || (Number.isSafeInteger(parsed) && parsed >= 0));
    }),
    { seed: 3, numRuns: 500 },
  );
});

Deno.test("what cannot be read says why", () => {
  const problems: readonly (readonly [string | number, string])[] = [
    ["lots", "malformed"],
    ["", "malformed"],
    ["GB", "malformed"],
    ["1,5GB", "malformed"],
    ["1e9", "malformed"],
    ["0x10", "malformed"],
    ["5 G B", "malformed"],
    ["5GB/S", "unit"],
    ["5Gb", "unit"],
    ["5constructor", "unit"],
    ["-5GB", "negative"],
    [-1, "negative"],
    ["0.5B", "fraction"],
    [0.5, "fraction"],
    ["0.3KiB", "fraction"],
    ["9007199254740992", "range"],
    ["9007199254740992TB", "range"],
    [2 ** 53, "range"],
    [Infinity, "range"],
    [NaN, "malformed"],
    ["9".repeat(65), "malformed"],
  ];
  for (const [text, reason] of problems) {
    const parsed = parseQuantity("size", text);
    assert.equal(typeof parsed === "object" ? parsed.reason : parsed, reason, String(text));
  }
  assert.equal(parseQuantity("size", "9007199254740991"), Number.MAX_SAFE_INTEGER);
});

Deno.test("examples can be read", () => {
  for (const kind of KINDS) {
    for (const example of QUANTITY_EXAMPLES[kind].split(" or ")) {
      assert.equal(typeof parseQuantity(kind, example), "number", example);
      assert.match(example, new RegExp(quantityPattern(kind)));
    }
  }
});

Deno.test("the pattern for editors accepts what is read, and the units of no other kind", () => {
  for (const kind of KINDS) {
    const pattern = new RegExp(quantityPattern(kind));
    for (const unit of unitsOf(kind)) assert.match(`1.5 ${unit}`, pattern);
    for (const other of KINDS.filter((each) => each !== kind)) {
      for (const unit of unitsOf(other)) {
        if (!unitsOf(kind).includes(unit)) assert.doesNotMatch(`1${unit}`, pattern);
      }
    }
  }
});

Deno.test("devices are a count and a kind", () => {
  assert.deepEqual(parseDevices("8x A100-SXM4-80GB"), { count: 8, kind: "A100-SXM4-80GB" });
  assert.deepEqual(parseDevices("2xcpu"), { count: 2, kind: "cpu" });
  assert.deepEqual(parseDevices("16 x cpu"), { count: 16, kind: "cpu" });
  assert.deepEqual(parseDevices("cpu"), { count: 1, kind: "cpu" });
  assert.deepEqual(parseDevices("2x RTX 4090"), { count: 2, kind: "RTX 4090" });
  assert.deepEqual(parseDevices("xeon"), { count: 1, kind: "xeon" });
});

Deno.test("every count and kind is read back", () => {
  const kind = fc.stringMatching(/^[A-Za-z][A-Za-z0-9._-]{0,62}$/);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9999 }), kind, (count, kindText) => {
      const text = `${count}x ${kindText}`;
      assert.ok(isDeviceCount(text) && looksLikeDevices(text));
      assert.deepEqual(parseDevices(text), { count, kind: kindText });
    }),
    { seed: 4 },
  );
});

Deno.test("a text that starts with a count is meant as devices, even when it is malformed", () => {
  for (
    const text of [
      "0x cpu",
      "8x",
      "8 × A100",
      "8*A100",
      "-1x cpu",
      "1.5x cpu",
      "99999x cpu",
      "2x a ",
      "2x a  b",
    ]
  ) {
    assert.ok(looksLikeDevices(text) && !isDeviceCount(text), text);
  }
  for (const text of ["jean-zay-a100-8", "cpu", "xeon", "dgx-2x"]) {
    assert.ok(!looksLikeDevices(text), text);
  }
  assert.match("8x A100-SXM4-80GB", new RegExp(DEVICES_PATTERN));
});
