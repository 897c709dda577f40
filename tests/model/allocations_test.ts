/** Traces of a version that Stowage does not install against what its modules allocated on a CPU. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import recorded from "../../fixtures/allocations_transformers_5.17.0.json" with { type: "json" };
import { allocationCases } from "../real/allocation_cases.ts";
import { peakOf, traced } from "../real/traces.ts";

const RECORDED: Readonly<Record<string, { events: number; peak: number; sha256: string }>> =
  recorded.cases;

Deno.test("every family allocates in 5.17.0 what was recorded, event by event", () => {
  const cases = allocationCases();
  assert.deepEqual(cases.map(({ name }) => name), Object.keys(RECORDED));
  for (const { name, each } of cases) {
    const { events } = traced(each, recorded.transformers);
    const found = {
      events: events.length,
      peak: peakOf(events),
      sha256: createHash("sha256").update(events.join(" ")).digest("hex"),
    };
    assert.deepEqual(found, RECORDED[name], name);
  }
});
