import assert from "node:assert/strict";
import { findFamily } from "../../../lib/model/registry.ts";
import { container, linear, type Module, namedParameters } from "../../../lib/model/module.ts";
import {
  balancedMemory,
  type DeviceMap,
  inferDeviceMap,
  type MaxMemory,
  type Place,
  placeOf,
} from "../../../lib/strategy/accelerate/device_map.ts";
import fixture from "../fixtures/device_maps.json" with { type: "json" };

const SHAPES: Readonly<Record<string, Readonly<Record<string, unknown>>>> = fixture.shapes;

/** The module tree of a shape of the fixture, and what of it is never split. */
function modelOf(name: string): { root: Module; noSplitClasses: readonly string[] } {
  const config = { model_type: "bloom", ...SHAPES[name] };
  const family = findFamily(config.model_type);
  const shape = family?.shape(config).value;
  assert.ok(family && shape, name);
  return { root: family.modules(shape), noSplitClasses: family.noSplitClasses };
}

/** `{"0": 10, "cpu": 20}` as a map with numbers for devices. */
function placesOf(record: Readonly<Record<string, number>>): Map<Place, number> {
  return new Map(
    Object.entries(record).map((
      [place, bytes],
    ) => [place === "cpu" ? place : Number(place), bytes]),
  );
}

/** Where each parameter ends: maps that group modules differently say the same. */
function placesOfParameters(root: Module, map: DeviceMap): [string, Place | undefined][] {
  return [...namedParameters(root)].map(({ name }) => [name, placeOf(map, name)]);
}

for (const { shape, dtype, deviceMap, maxMemory, balanced, map } of fixture.cases) {
  const caps = Object.entries(maxMemory).map(([place, bytes]) => `${place}: ${bytes / 1e6} MB`);
  const name = `${deviceMap} of ${shape} in ${dtype} with ${caps.join(", ")}`;
  Deno.test(`accelerate ${fixture.versions.accelerate} agrees on ${name}`, () => {
    const { root, noSplitClasses } = modelOf(shape);
    const elementBytes = dtype === "float32" ? 4 : 2;
    let memory: MaxMemory = placesOf(maxMemory);
    if (deviceMap !== "sequential") {
      const lowZero = deviceMap === "balanced_low_0";
      const options = { lowZero, userSetMaxMemory: true };
      memory = balancedMemory(root, elementBytes, noSplitClasses, memory, options);
    }
    assert.deepEqual(memory, placesOf(balanced));
    assert.deepEqual(
      placesOfParameters(root, inferDeviceMap(root, elementBytes, noSplitClasses, memory)),
      placesOfParameters(root, new Map<string, Place>(Object.entries(map) as [string, Place][])),
    );
  });
}

const SMALL = container("", "Model", [linear("a", 1, 10, { bias: false }), linear("b", 1, 10)]);

Deno.test("one GPU whose memory nobody set keeps a tenth free", () => {
  const memory: MaxMemory = new Map<Place, number>([[0, 1000], ["cpu", 5000]]);
  const balance = (userSetMaxMemory: boolean) =>
    balancedMemory(SMALL, 1, [], memory, { lowZero: false, userSetMaxMemory }).get(0);
  assert.equal(balance(false), 900);
  assert.equal(balance(true), 1000);
});

Deno.test("without a GPU there is nothing to balance", () => {
  const memory: MaxMemory = new Map<Place, number>([["cpu", 5000]]);
  const options = { lowZero: true, userSetMaxMemory: false };
  assert.deepEqual(balancedMemory(SMALL, 1, [], memory, options), memory);
});

Deno.test("what fits nowhere goes to the disk", () => {
  const root = container("", "Model", [...SMALL.children, linear("c", 1, 10)]);
  // The host keeps room for the largest layer that is still to come: 10 + 20 of 31, then 10 + 20 + 20.
  const map = inferDeviceMap(root, 1, [], new Map<Place, number>([["cpu", 31]]));
  assert.deepEqual([...map], [["a", "cpu"], ["b", "disk"], ["c", "disk"]]);
});

Deno.test("a module is where its nearest parent is", () => {
  const map: DeviceMap = new Map<string, Place>([["h", 0], ["h.1", 1], ["h.1.mlp", "cpu"]]);
  assert.equal(placeOf(map, "h.0.mlp.up"), 0);
  assert.equal(placeOf(map, "h.1"), 1);
  assert.equal(placeOf(map, "h.1.mlp.up"), "cpu");
  assert.equal(placeOf(map, "h.10"), 0);
  assert.equal(placeOf(map, "head"), undefined);
  assert.equal(placeOf(new Map<string, Place>([["", 3]]), "h.0"), 3);
  assert.equal(placeOf(new Map<string, Place>([["", 3]]), "head"), 3);
});
