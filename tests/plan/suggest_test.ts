import assert from "node:assert/strict";
import { parsePipeline } from "../../lib/language/compile.ts";
import { planContext } from "../../lib/commands/make_plan.ts";
import { predictsOom } from "../../lib/plan/selection.ts";
import { Setups } from "../../lib/plan/setups.ts";
import { smallestHardware, suggestChanges } from "../../lib/plan/suggest.ts";

const SETUPS = new Setups(planContext("x.yaml"));

function pipelineOf(lines: string) {
  const { value, diagnostics } = parsePipeline({ text: lines, path: "x.yaml" });
  assert.deepEqual(diagnostics.filter(({ severity }) => severity === "error"), []);
  assert.ok(value);
  return value;
}

const { pipeline, cells } = pipelineOf(`
model: bigscience/bloom-7b1
hardware: { devices: 2x RTX4090-24GB, memory: 64GB }
generate: { max_new_tokens: 64 }
prompts: { tokens: 64 }
strategies:
  - { use: accelerate, dtype: float32 }
  - { use: ds-zero, dtype: float32 }
grid: { batchSize: [1, 256] }
`);

function cellOf(id: string) {
  const cell = cells.find((each) => each.id === id);
  assert.ok(cell, id);
  return cell;
}

Deno.test("every suggestion changes one thing, and is predicted to fit", () => {
  const cell = cellOf("accelerate/batchSize=256");
  const before = SETUPS.predict(cell, pipeline);
  assert.ok(before && predictsOom({ prediction: before }));
  const suggestions = suggestChanges(cell, pipeline, SETUPS);
  const names = suggestions.map(({ change }) => change);
  assert.deepEqual(names, [...new Set(names)]);
  assert.ok(names.some((name) => name.startsWith("batchSize: ")), names.join("; "));
  for (const { change, prediction } of suggestions) {
    assert.ok(!predictsOom({ prediction }), change);
  }
});

Deno.test("a smaller batch is the largest that fits: one more does not", () => {
  const cell = cellOf("accelerate/batchSize=256");
  const suggestion = suggestChanges(cell, pipeline, SETUPS)
    .find(({ change }) => change.startsWith("batchSize: "));
  assert.ok(suggestion);
  const { batchSize } = suggestion.cell;
  const more = SETUPS.predict({ ...cell, batchSize: batchSize + 1 }, pipeline);
  assert.ok(more && predictsOom({ prediction: more }));
});

Deno.test("the smallest hardware holds every cell, and less of the same kind does not", () => {
  const own = [cellOf("accelerate/batchSize=256")];
  const found = smallestHardware(own, pipeline, SETUPS);
  assert.ok(found);
  const at = (count: number) =>
    own.every((cell) => {
      const hardware = { nodes: 1, devices: { count, kind: found.kind }, memoryBytes: 64e9 };
      const prediction = SETUPS.predict(cell, { ...pipeline, hardware });
      return prediction !== undefined && !predictsOom({ prediction });
    });
  assert.ok(at(found.count));
  assert.ok(found.count === 1 || !at(found.count / 2));
  const times = own.map((cell) => {
    const hardware = {
      nodes: 1,
      devices: { count: found.count, kind: found.kind },
      memoryBytes: 64e9,
    };
    const { time } = SETUPS.predict(cell, { ...pipeline, hardware }) ?? {};
    return time?.msPerToken.mid ?? 0;
  });
  assert.equal(found.msPerToken, Math.max(...times));
});
