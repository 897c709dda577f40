import assert from "node:assert/strict";
import { compareVersions, inRange } from "../../lib/catalog/version_range.ts";

Deno.test("a version lies in a range when every comparator holds", () => {
  assert.ok(inRange("0.7.3", "<0.7.4"));
  assert.ok(!inRange("0.7.4", "<0.7.4"));
  assert.ok(inRange("0.8.0", ">=0.7.4 <0.9"));
  assert.ok(!inRange("0.9.0", ">=0.7.4 <0.9"));
  assert.ok(inRange("4.57.3", ">4.57.2 <=4.57.3"));
  assert.ok(inRange("2.13", "==2.13.0"));
});

Deno.test("numbers are compared, not texts; builds and candidates count as their release", () => {
  assert.ok(compareVersions("0.10.0", "0.9.5") > 0);
  assert.equal(compareVersions("2.13.0+cpu", "2.13.0"), 0);
  assert.equal(compareVersions("5.0.0rc1", "5.0.0"), 0);
});

Deno.test("a range that cannot be read is our own mistake", () => {
  for (const range of ["", "0.7.4", "~=1.2", ">= 1.2"]) {
    assert.throws(() => inRange("1.2.3", range), TypeError);
  }
});
