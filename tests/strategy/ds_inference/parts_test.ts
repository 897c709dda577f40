/** Rows and columns of every rank, against DeepSpeed's own AutoTP on two ranks. */
import assert from "node:assert/strict";
import { namedParameters } from "../../../lib/model/module.ts";
import { findFamily } from "../../../lib/model/registry.ts";
import { partsOf } from "../../../lib/strategy/ds_inference/parts.ts";
import fixture from "../fixtures/tensor_parallel_cuts.json" with { type: "json" };

type Kept = readonly [dimension: number, runs: readonly (readonly [number, number])[]] | null;

const { versions, ranks } = fixture;
const SHAPES = fixture.shapes as Readonly<Record<string, Readonly<Record<string, unknown>>>>;
const CUTS = fixture.cuts as unknown as readonly Readonly<Record<string, Record<string, Kept>>>[];

for (const [name, config] of Object.entries(SHAPES)) {
  Deno.test(`DeepSpeed ${versions.deepspeed} cuts ${name} where the plan does`, () => {
    const family = findFamily(String(config["model_type"]));
    const shape = family?.shape(config).value;
    assert.ok(family && shape);
    const named = [...namedParameters(family.modules(shape))];
    for (const [rank, cuts] of CUTS.entries()) {
      const planned = named.map((one) => {
        const parts = partsOf(one, { ranks, grain: 64, lmHeadSplit: true });
        if (parts === undefined) return [one.name, null];
        const { dimension, sizes } = parts;
        const start = sizes.slice(0, rank).reduce((sum, size) => sum + size, 0);
        return [one.name, [dimension, [[start, start + (sizes[rank] ?? 0)]]]];
      });
      assert.deepEqual(Object.fromEntries(planned), cuts[name]);
    }
  });
}
