import assert from "node:assert/strict";
import { observe, parseGpuConditions } from "../../lib/run/conditions.ts";

Deno.test("what nvidia-smi says of a GPU is read, and what it does not tell is zero", () => {
  const csv = "0, 37, 1024, 1410, 1980, 0x0000000000000004\n1, [N/A], 0, 345, 1980, 0x1\n";
  assert.deepEqual(parseGpuConditions(csv), [
    {
      index: 0,
      utilizationPercent: 37,
      usedBytes: 2 ** 30,
      smClockMhz: 1410,
      maxSmClockMhz: 1980,
      throttleReasons: 4,
    },
    {
      index: 1,
      utilizationPercent: 0,
      usedBytes: 0,
      smClockMhz: 345,
      maxSmClockMhz: 1980,
      throttleReasons: 1,
    },
  ]);
});

Deno.test("the busy part of the cores is between none and all", async () => {
  const { busyCpuFraction, gpus } = await observe([]);
  assert.ok(busyCpuFraction === null || (busyCpuFraction >= 0 && busyCpuFraction <= 1));
  assert.deepEqual(gpus, []);
});
