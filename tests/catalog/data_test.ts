import assert from "node:assert/strict";
import gpus from "../../lib/catalog/data/gpus.json" with { type: "json" };
import nodes from "../../lib/catalog/data/nodes.json" with { type: "json" };
import published from "../../lib/catalog/data/published.json" with { type: "json" };
import stacks from "../../lib/catalog/data/stacks.json" with { type: "json" };
import { deviceFacts } from "../../lib/catalog/devices.ts";
import type { MemorySource } from "../../lib/catalog/facts.ts";
import { modelFacts } from "../../lib/catalog/model_facts.ts";

/** Paths of numbers that no object on the way down gives a source for. */
function withoutSource(value: unknown, path: string, sourced: boolean): string[] {
  if (typeof value === "number") return sourced ? [] : [path];
  if (typeof value !== "object" || value === null) return [];
  const source = (value as Record<string, unknown>)["source"];
  const here = sourced || (typeof source === "string" && source.length > 5);
  return Object.entries(value).flatMap(([key, each]) =>
    withoutSource(each, `${path}.${key}`, here)
  );
}

Deno.test("every number of the data files has a source", () => {
  assert.deepEqual(
    withoutSource({ gpus, models: modelFacts(), nodes, published, stacks }, "data", false),
    [],
  );
});

Deno.test("the check for sources finds a number that has none", () => {
  const data = { a: { value: 1, source: "vendor data sheet" }, b: { value: 2 } };
  assert.deepEqual(withoutSource(data, "data", false), ["data.b.value"]);
});

Deno.test("devices have known kinds of sources, positive rates and distinct names", () => {
  const sources: readonly MemorySource[] = [
    "torch",
    "torch-rounded",
    "driver",
    "driver-rounded",
    "assumed",
    "budget",
  ];
  for (const device of deviceFacts()) {
    assert.ok(["gpu", "cpu"].includes(device.type), device.kind);
    assert.ok((sources as readonly string[]).includes(device.memoryBytes.how), device.kind);
    const rates = [
      device.bandwidthBytesPerSecond.value,
      device.linkBytesPerSecond.value,
      device.hostLinkBytesPerSecond.value,
      ...Object.values(device.flops.values),
    ];
    assert.ok(rates.every((rate) => rate !== undefined && rate > 0), device.kind);
    const dtypes = ["float32", "float16", "bfloat16", "int8"];
    assert.ok(
      Object.keys(device.flops.values).every((dtype) => dtypes.includes(dtype)),
      device.kind,
    );
  }
  const kinds = deviceFacts().map((device) => device.kind);
  assert.equal(new Set(kinds).size, kinds.length);
  const products = deviceFacts().flatMap((device) => device.productNames);
  assert.equal(new Set(products).size, products.length);
});

Deno.test("what PyTorch can use of a GPU is less than the name says in GiB and more than nine tenths of it", () => {
  for (const { kind, memoryBytes } of deviceFacts()) {
    if (memoryBytes.value === null) continue;
    const gibibytes = memoryBytes.value / 2 ** 30;
    const named = Number(/-(\d+)GB$/.exec(kind)?.[1]);
    assert.ok(gibibytes < named && gibibytes > 0.9 * named, `${kind}: ${gibibytes}`);
  }
});
