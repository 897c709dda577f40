/** The trace of every family against real modules on a CPU: each allocation and free, in order. */
import assert from "node:assert/strict";
import { resolveStack } from "../../lib/catalog/stack.ts";
import { allocationCases } from "./allocation_cases.ts";
import { realEnvironment } from "./environment.ts";
import { type Allocations, peakOf, traced } from "./traces.ts";

const SCRIPT = new URL("allocations.py", import.meta.url).pathname;

async function measure(python: string, cases: readonly unknown[]): Promise<Allocations[]> {
  const child = new Deno.Command(python, {
    args: [SCRIPT],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    env: { TRANSFORMERS_VERBOSITY: "error", HF_HUB_OFFLINE: "1" },
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(JSON.stringify(cases)));
  await writer.close();
  const { success, stdout, stderr } = await child.output();
  assert.ok(success, new TextDecoder().decode(stderr));
  const lines = new TextDecoder().decode(stdout).trim().split("\n");
  return lines.map((line) => JSON.parse(line) as Allocations);
}

Deno.test("the traces of all families are what real modules allocate, in order", async (t) => {
  const stack = resolveStack({ name: "current" }).value;
  const version = stack?.versions["transformers"];
  assert.ok(version !== undefined);
  const { python } = await realEnvironment();
  const cases = allocationCases();
  const real = await measure(python, cases.map(({ each }) => each));
  assert.equal(real.length, cases.length);
  for (const [index, { name, each }] of cases.entries()) {
    await t.step(name, () => {
      const [mine, truth] = [traced(each, version), real[index]];
      assert.ok(truth);
      assert.deepEqual(mine.parameters, truth.parameters);
      assert.equal(peakOf(mine.events), peakOf(truth.events));
      assert.deepEqual(mine.events, truth.events);
    });
  }
});
