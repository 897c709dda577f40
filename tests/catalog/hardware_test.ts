import assert from "node:assert/strict";
import { deviceFacts, findDevice, findDeviceByProductName } from "../../lib/catalog/devices.ts";
import { nodeFacts, resolveHardware } from "../../lib/catalog/hardware.ts";
import type { BudgetSpec, DevicesSpec, HardwareSpec } from "../../lib/language/pipeline.ts";

const NO_BUDGET: BudgetSpec = { predictedOom: "skip" };

function devices(part: DevicesSpec): HardwareSpec {
  return { nodes: 1, devices: part };
}

function codesOf(spec: HardwareSpec, budget: BudgetSpec = NO_BUDGET): string[] {
  return resolveHardware(spec, budget).diagnostics.map((each) => each.code);
}

Deno.test("every node of the catalog resolves without a word", () => {
  for (const { name } of nodeFacts()) {
    const { value, diagnostics } = resolveHardware({ catalog: name, nodes: 2 }, NO_BUDGET);
    assert.deepEqual(diagnostics, [], name);
    assert.equal(value?.name, name);
    assert.equal(value?.nodes, 2);
    assert.ok((value?.memoryBytes ?? 0) > 100e9, name);
    assert.ok(findDevice(value?.device.kind ?? "") !== undefined, name);
  }
});

Deno.test("resolveHardware() knows Jean Zay's node of the published tables", () => {
  const { value } = resolveHardware({ catalog: "Jean-Zay-A100-8", nodes: 1 }, NO_BUDGET);
  assert.equal(value?.deviceCount, 8);
  assert.equal(value?.device.kind, "A100-SXM4-80GB");
  assert.equal(value?.device.memoryBytes, Math.floor(79.15 * 2 ** 30));
  assert.equal(value?.memoryBytes, 512e9);
  assert.equal(value?.diskBytesPerSecond, 3e9);
});

Deno.test("resolveHardware() completes devices of a known kind and lets the pipeline's numbers win", () => {
  const plain = resolveHardware(devices({ count: 2, kind: "h100-sxm5-80gb" }), NO_BUDGET).value;
  assert.equal(plain?.device.memoryBytes, 85_017_493_504);
  assert.equal(plain?.device.linkBytesPerSecond, 450e9);
  assert.equal(plain?.memoryBytes, undefined);
  const over = resolveHardware({
    ...devices({ count: 2, kind: "H100-SXM5-80GB", memoryBytes: 70e9, flops: 1e12 }),
    memoryBytes: 64e9,
    diskBytesPerSecond: 1e9,
  }, NO_BUDGET).value;
  assert.equal(over?.device.memoryBytes, 70e9);
  assert.deepEqual(over?.device.flops, {
    float32: 1e12,
    float16: 1e12,
    bfloat16: 1e12,
    int8: 1e12,
  });
  assert.equal(over?.memoryBytes, 64e9);
  assert.equal(over?.diskBytesPerSecond, 1e9);
});

Deno.test("findDevice() knows a device by its kind, an alias or what nvidia-smi calls it", () => {
  for (const name of ["rtx4090-24gb", "RTX 4090", "RTX-4090", "NVIDIA GeForce RTX 4090"]) {
    assert.equal(findDevice(name)?.kind, "RTX4090-24GB", name);
  }
  assert.equal(findDevice("RTX 40"), undefined);
  const spellings = deviceFacts().flatMap((
    { kind, aliases = [], productNames },
  ) => [
    ...new Set(
      [kind, ...aliases, ...productNames].map((name) => name.toLowerCase().replaceAll(" ", "-")),
    ),
  ]);
  assert.equal(new Set(spellings).size, spellings.length, "two devices share a name");
});

Deno.test("a cpu device holds what the budget says, and without a budget nobody knows", () => {
  const cpu = devices({ count: 2, kind: "cpu" });
  assert.equal(resolveHardware(cpu, NO_BUDGET).value?.device.memoryBytes, null);
  const budget: BudgetSpec = { ...NO_BUDGET, deviceBytes: 2e9 };
  assert.equal(resolveHardware(cpu, budget).value?.device.memoryBytes, 2e9);
  assert.equal(resolveHardware(cpu, budget).value?.device.type, "cpu");
});

Deno.test("on a GPU the budget is no size, and one above the memory is pointed out", () => {
  const gpu = devices({ count: 1, kind: "L4-24GB" });
  const low: BudgetSpec = { ...NO_BUDGET, deviceBytes: 1e9 };
  assert.equal(
    resolveHardware(gpu, low).value?.device.memoryBytes,
    resolveHardware(gpu, NO_BUDGET).value?.device.memoryBytes,
  );
  assert.deepEqual(codesOf(gpu, low), []);
  const high = resolveHardware(gpu, { ...NO_BUDGET, deviceBytes: 30e9 });
  assert.ok(high.value !== undefined);
  assert.deepEqual(high.diagnostics.map((each) => [each.code, each.severity]), [[
    "STW205",
    "warning",
  ]]);
});

Deno.test("resolveHardware() suggests nodes and devices that were meant", () => {
  const node = resolveHardware({ catalog: "jean-zay-a100", nodes: 1 }, NO_BUDGET).diagnostics[0];
  assert.equal(node?.code, "STW202");
  assert.match(node?.help ?? "", /^Did you mean "jean-zay-a100-8"\?/);
  const kind =
    resolveHardware(devices({ count: 8, kind: "A100-SMX4-80GB" }), NO_BUDGET).diagnostics[0];
  assert.equal(kind?.code, "STW203");
  assert.match(kind?.help ?? "", /^Did you mean "A100-SXM4-80GB"\?/);
  assert.deepEqual(codesOf({ nodes: 1 }), ["STW203"]);
});

Deno.test("a device that the catalog lacks needs all of its numbers", () => {
  const own = {
    kind: "MI300X",
    memoryBytes: 192e9,
    bandwidthBytesPerSecond: 5.3e12,
    flops: 1.3e15,
  };
  const alone = resolveHardware(devices({ ...own, count: 1 }), NO_BUDGET);
  assert.deepEqual(alone.diagnostics, []);
  assert.equal(alone.value?.device.memoryBytes, 192e9);
  const pair = resolveHardware(devices({ ...own, count: 2 }), NO_BUDGET).diagnostics[0];
  assert.match(pair?.message ?? "", /does not give its link$/);
  const part = resolveHardware(devices({ count: 2, kind: "MI300X", memoryBytes: 1 }), NO_BUDGET);
  assert.equal(part.diagnostics[0]?.code, "STW204");
  assert.match(part.diagnostics[0]?.message ?? "", /bandwidth, flops and link$/);
});

Deno.test("findDeviceByProductName() knows what nvidia-smi prints", () => {
  assert.equal(findDeviceByProductName("NVIDIA H100 80GB HBM3")?.kind, "H100-SXM5-80GB");
  assert.equal(findDeviceByProductName("Tesla T4\n")?.kind, "T4-16GB");
  assert.equal(findDeviceByProductName("NVIDIA A10G"), undefined);
});

Deno.test("short names of devices mean one kind, and no two kinds share a name", () => {
  assert.equal(findDevice("h100")?.kind, "H100-SXM5-80GB");
  assert.equal(findDevice("a100-80gb")?.kind, "A100-SXM4-80GB");
  assert.equal(findDevice("A100"), undefined);
  const names = deviceFacts().flatMap(({ kind, aliases = [] }) => [kind, ...aliases]);
  assert.equal(new Set(names.map((name) => name.toLowerCase())).size, names.length);
});

Deno.test("the name of a device alone gets a count suggested", () => {
  for (const name of ["cpu", "A100-SXM4-80GB"]) {
    const { diagnostics } = resolveHardware({ nodes: 1, catalog: name }, { predictedOom: "skip" });
    assert.equal(diagnostics[0]?.code, "STW202");
    assert.match(diagnostics[0]?.help ?? "", new RegExp(`^Did you mean "1x ${name}"\\?`));
  }
});
