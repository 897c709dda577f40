/** Predictions against what was measured on one H100 with torch 2.11, transformers 5.17 and accelerate 1.15. */
import assert from "node:assert/strict";
import { bloom } from "../../lib/model/bloom.ts";
import { traceGenerate } from "../../lib/model/generate.ts";
import { plainExecution } from "../../lib/strategy/execution.ts";
import { cellOf, planOf } from "../plan/compile_text.ts";
import { signedBytes } from "../real/traces.ts";
import { Recorder } from "../trace/recorder.ts";
import { catalogShape, testRuntime } from "./shapes.ts";

function fixture(name: string): string {
  return Deno.readTextFileSync(new URL(`../../fixtures/${name}`, import.meta.url));
}

/** One generation of a fresh process. */
interface MeasuredCell {
  readonly kind: string;
  readonly name: string;
  readonly bs: number;
  readonly prompt: number;
  readonly new: number;
  readonly peak_alloc: readonly number[];
}

const CELLS: readonly MeasuredCell[] = fixture("h100_accelerate.jsonl").trim().split("\n")
  .map((line) => JSON.parse(line) as MeasuredCell)
  .filter(({ kind }) => kind === "cell");

function pipeline(name: string, prompt: number, newTokens: number, batches: number[]): string {
  return `
name: h100
model: { name: bigscience/${name}, weights: on-device }
hardware: 1x H100-SXM5-80GB
stack: { torch: 2.11.0, transformers: 5.17.0, accelerate: 1.15.0 }
generate: { max_new_tokens: ${newTokens} }
prompts: { tokens: ${prompt} }
strategies: [{ use: accelerate, dtype: bfloat16, allocator: native, decode: eager }]
grid: { batchSize: [${batches.join(", ")}] }
`;
}

Deno.test("peak allocated is what one H100 measured, to half a per cent in every cell", async (t) => {
  const groups = Map.groupBy(CELLS, (cell) => `${cell.name} ${cell.prompt} ${cell.new}`);
  assert.equal(CELLS.length, 17);
  for (const [group, cells] of groups) {
    const [first] = cells;
    assert.ok(first);
    const plan = await planOf(
      pipeline(first.name, first.prompt, first.new, cells.map(({ bs }) => bs)),
    );
    for (const cell of cells) {
      await t.step(`${group} batch ${cell.bs}`, () => {
        const [device] = cellOf(plan, `accelerate/batchSize=${cell.bs}`).prediction.devices;
        const predicted = device?.peakAllocatedBytes ?? 0;
        const error = predicted / (cell.peak_alloc[0] ?? 0) - 1;
        assert.ok(Math.abs(error) < 0.005, `${predicted}, off by ${(100 * error).toFixed(2)} %`);
      });
    }
  }
});

/** Bytes of every allocation (positive) and free (negative) of the recording that are not of the smallest block. */
function recorded(leastBytes: number): number[] {
  const { events } = JSON.parse(fixture("h100_bloom_560m_allocations.json")) as { events: string };
  const live = new Map<string, number>();
  const signed: number[] = [];
  for (const event of events.split(" ")) {
    const [address = "", size] = event.slice(1).split(":");
    if (event.startsWith("a")) live.set(address, Number(size));
    const bytes = live.get(address) ?? 0;
    if (event.startsWith("s") || bytes < leastBytes) continue;
    signed.push(event.startsWith("a") ? bytes : -bytes);
  }
  return signed;
}

Deno.test("every allocation and free of a generation on an H100 is in the trace, in order", () => {
  const recorder = new Recorder();
  const runtime = testRuntime("bfloat16", {
    transformers: "5.17.0",
    cublasWorkspaceBytes: 32 * 2 ** 20,
  });
  const generation = { batch: 8, promptTokens: 8, newTokens: 4, tensorParallel: 1, runtime };
  const shape = catalogShape("bigscience/bloom-560m");
  traceGenerate(
    bloom,
    shape,
    { ...generation, decodeSteps: "every" },
    plainExecution(0),
    recorder,
  );
  const leastBytes = 64;
  const mine = signedBytes(recorder, leastBytes);
  // The scratch of a reduction that several blocks of the GPU share: not traced, as it depends on the number of its
  // multiprocessors. Here 8 rows x 31 blocks x 16 bytes in each of the four steps.
  const workspaces = [runtime.cublasWorkspaceBytes, 2 ** 20];
  const truth = recorded(leastBytes).filter((bytes) =>
    Math.abs(bytes) !== 8 * 31 * 16 && !workspaces.includes(bytes)
  );
  const first = truth.findIndex((bytes, index) => bytes !== mine[index]);
  assert.equal(
    first,
    -1,
    `event ${first}: ${truth.slice(first, first + 8)} is ${mine.slice(first, first + 8)}`,
  );
  assert.equal(mine.length, truth.length);
});
