/**
 * What the engine costs beside the workers: milliseconds for each cell, and its own memory, over a run of many cells of a
 * worker that does nothing. Run it with: deno run -A bench/engine_overhead.ts [cells, default 10000]
 *
 * What is alive at the end is about 45 MiB; most of the rest is V8's young generation, twice 32 MiB once a large plan has
 * gone through it. DENO_V8_FLAGS=--max-semi-space-size=8 keeps it small.
 */
import { run } from "../lib/run/run.ts";
import { SCRIPTED } from "../tests/run/engine.ts";
import { scriptedPlan } from "../tests/run/scripted.ts";

const count = Number(Deno.args[0] ?? 10_000);
const outDir = Deno.makeTempDirSync({ prefix: "stowage-bench-" });
const { plan } = scriptedPlan(Array.from({ length: count }, (_, index) => `ok/${index}`));
const planned = peakMib();
const begun = performance.now();
let firstMs = 0;
let lastMs = 0;
const { value } = await run(plan, {
  outDir,
  onProgress({ kind }) {
    if (kind !== "outcome") return;
    lastMs = performance.now();
    if (firstMs === 0) firstMs = lastMs;
  },
}, SCRIPTED);
const wholeSeconds = (performance.now() - begun) / 1000;
Deno.removeSync(outDir, { recursive: true });
console.log(JSON.stringify({
  cells: value?.cells.filter(({ status }) => status === "ok").length,
  msPerCell: round((lastMs - firstMs) / (count - 1)),
  wholeSeconds: round(wholeSeconds),
  peakMib: round(peakMib()),
  peakMibWithPlanAlone: round(planned),
}));

/** Most resident memory of this process so far. */
function peakMib(): number {
  const status = Deno.readTextFileSync("/proc/self/status");
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
