/** Traces of a version that Stowage does not install against what its modules allocated on a CPU. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import recorded from "../../fixtures/allocations_transformers_5.17.0.json" with { type: "json" };
import old from "../../fixtures/allocations_bloom_2022_to_2024.json" with { type: "json" };
import { allocationCases } from "../real/allocation_cases.ts";
import { type AllocationCase, peakOf, traced } from "../real/traces.ts";

const RECORDED: Readonly<Record<string, { events: number; peak: number; sha256: string }>> =
  recorded.cases;

function digest(each: AllocationCase, transformers: string) {
  const { events } = traced(each, transformers);
  return {
    events: events.length,
    peak: peakOf(events),
    sha256: createHash("sha256").update(events.join(" ")).digest("hex"),
  };
}

Deno.test("every family allocates in 5.17.0 what was recorded, event by event", () => {
  const cases = allocationCases();
  assert.deepEqual(cases.map(({ name }) => name), Object.keys(RECORDED));
  for (const { name, each } of cases) {
    assert.deepEqual(digest(each, recorded.transformers), RECORDED[name], name);
  }
});

for (const [version, cases] of Object.entries(old.versions)) {
  Deno.test(`BLOOM allocates in ${version} what was recorded, event by event`, () => {
    const known = new Map(Object.entries(cases));
    const ours = allocationCases().filter(({ name }) => name.startsWith("bloom"));
    assert.equal(ours.length, known.size);
    for (const { name, each } of ours) {
      assert.deepEqual(digest(each, version), known.get(name), name);
    }
  });
}
