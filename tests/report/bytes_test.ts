import assert from "node:assert/strict";
import {
  formatBytes,
  formatCount,
  formatGib,
  formatMs,
  formatNumber,
  formatRate,
  formatSeconds,
  plural,
} from "../../lib/report/bytes.ts";

Deno.test("bytes take the largest binary unit that gives at least one", () => {
  assert.equal(formatBytes(0), "0 B");
  assert.equal(formatBytes(1023), "1023 B");
  assert.equal(formatBytes(1024), "1 KiB");
  assert.equal(formatBytes(63 * 2 ** 20), "63 MiB");
  assert.equal(formatBytes(2 ** 30), "1.00 GiB");
  assert.equal(formatBytes(71.06 * 2 ** 30), "71.1 GiB");
});

Deno.test("rounding up never shows 1024 of a unit", () => {
  assert.equal(formatBytes(2 ** 20 - 1), "1 MiB");
  assert.equal(formatBytes(2 ** 30 - 1), "1.00 GiB");
  assert.equal(formatBytes(1023.6), "1 KiB");
});

Deno.test("bytes keep their sign", () => {
  assert.equal(formatBytes(-3 * 2 ** 30), "-3.00 GiB");
});

Deno.test("GiB have two decimals below ten and one above", () => {
  assert.equal(formatGib(9.99 * 2 ** 30), "9.99");
  assert.equal(formatGib(9.996 * 2 ** 30), "10.0");
  assert.equal(formatGib(79.15 * 2 ** 30), "79.2");
});

Deno.test("numbers have three significant digits at least and no exponent", () => {
  assert.equal(formatNumber(2258.3), "2258");
  assert.equal(formatNumber(99.96), "100");
  assert.equal(formatNumber(99.94), "99.9");
  assert.equal(formatNumber(9.996), "10.0");
  assert.equal(formatNumber(5.234), "5.23");
  assert.equal(formatNumber(0.0412), "0.0412");
  assert.equal(formatNumber(0.66), "0.66");
  assert.equal(formatNumber(0), "0.00");
  assert.equal(formatNumber(1.23e-7), "0.000000123");
  assert.equal(formatNumber(-31.84), "-31.8");
});

Deno.test("what is not a number is a dash", () => {
  assert.equal(formatNumber(Number.NaN), "-");
  assert.equal(formatNumber(Infinity), "-");
});

Deno.test("times and rates carry their units", () => {
  assert.equal(formatMs(31.78), "31.8 ms");
  assert.equal(formatSeconds(121), "121 s");
  assert.equal(formatRate(3e9), "3.00 GB/s");
  assert.equal(formatRate(5e8), "500 MB/s");
  assert.equal(formatRate(3.35e12), "3350 GB/s");
});

Deno.test("counts take a letter", () => {
  assert.equal(formatCount(176_247_271_424), "176.2B");
  assert.equal(formatCount(559_214_592), "559.2M");
  assert.equal(formatCount(999_960_000), "1.0B");
  assert.equal(formatCount(12), "12");
});

Deno.test("one is singular, none and many are plural", () => {
  assert.equal(plural(1, "cell"), "1 cell");
  assert.equal(plural(0, "cell"), "0 cells");
  assert.equal(plural(2, "batch", "batches"), "2 batches");
});
