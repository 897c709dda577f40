import assert from "node:assert/strict";
import type { PlanHardware } from "../../lib/plan/plan.ts";
import { isKind, missingHardware, parseGpus, visibleGpus } from "../../lib/run/host.ts";

const SMI = `0, GPU-aaaa-1, NVIDIA A100-SXM4-80GB, 81920
1, GPU-bbbb-2, NVIDIA A100-SXM4-80GB, 81920
2, GPU-cccc-3, NVIDIA H100 80GB HBM3, 81559
`;
const GPUS = parseGpus(SMI);

function hardware(count: number, kind: string, nodes = 1): PlanHardware {
  return { nodes, devices: { count, kind, capacityBytes: null } };
}

Deno.test("nvidia-smi's lines become GPUs", () => {
  assert.equal(GPUS.length, 3);
  assert.deepEqual(GPUS[2], {
    index: 2,
    uuid: "GPU-cccc-3",
    name: "NVIDIA H100 80GB HBM3",
    memoryBytes: 81559 * 2 ** 20,
  });
});

Deno.test("CUDA_VISIBLE_DEVICES chooses and orders, by index or UUID, and ends at what is not there", () => {
  const indices = (visible: string | undefined) =>
    visibleGpus(GPUS, visible).map((gpu) => gpu.index);
  assert.deepEqual(indices(undefined), [0, 1, 2]);
  assert.deepEqual(indices("2,0"), [2, 0]);
  assert.deepEqual(indices("GPU-bbbb"), [1]);
  assert.deepEqual(indices("1,7,0"), [1]);
  assert.deepEqual(indices(""), []);
  assert.deepEqual(indices("-1"), []);
});

Deno.test("the driver's names are matched with the catalog's kinds", () => {
  const [a100, , h100] = GPUS;
  assert.ok(a100 && h100);
  assert.ok(isKind(a100, "A100-SXM4-80GB"));
  assert.ok(!isKind(a100, "A100-SXM4-40GB"));
  assert.ok(isKind(h100, "H100-SXM5-80GB"));
  assert.ok(!isKind(h100, "H200-SXM5-141GB"));
  assert.ok(!isKind(h100, "A100-SXM4-80GB"));
});

Deno.test("what is missing is named, with what is there", () => {
  assert.deepEqual(missingHardware(hardware(2, "A100-SXM4-80GB"), GPUS), []);
  assert.deepEqual(missingHardware(hardware(64, "cpu"), []), []);
  const [missing] = missingHardware(hardware(8, "A100-SXM4-80GB"), GPUS);
  assert.equal(missing?.code, "STW502");
  assert.match(
    missing?.message ?? "",
    /8x A100-SXM4-80GB.*2x NVIDIA A100-SXM4-80GB, 1x NVIDIA H100/,
  );
  assert.match(missingHardware(hardware(1, "L40S-48GB"), [])[0]?.message ?? "", /no NVIDIA GPU/);
  assert.equal(missingHardware(hardware(8, "cpu", 2), GPUS)[0]?.code, "STW503");
});
