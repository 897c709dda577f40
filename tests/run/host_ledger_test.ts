import assert from "node:assert/strict";
import { HostLedger } from "../../lib/run/host_ledger.ts";

Deno.test("the budget is one for all, and the session that holds most is told so", () => {
  const ledger = new HostLedger();
  assert.deepEqual(ledger.note("a", 10), { bytes: 10, isLargest: true });
  assert.deepEqual(ledger.note("b", 4), { bytes: 14, isLargest: false });
  assert.deepEqual(ledger.note("b", 12), { bytes: 22, isLargest: true });
  assert.deepEqual(ledger.note("a", 10), { bytes: 22, isLargest: false });
  ledger.forget("b");
  assert.deepEqual(ledger.note("a", 10), { bytes: 10, isLargest: true });
});
