import assert from "node:assert/strict";
import { DevicePool } from "../../lib/run/device_pool.ts";

const GIB = 2 ** 30;

Deno.test("GPUs are handed out once, in the order of the host", () => {
  const pool = new DevicePool([2, 3, 5, 7], 64 * GIB);
  const pair = pool.take({ devices: 2, hostBytes: 0 });
  const one = pool.take({ devices: 1, hostBytes: 0 });
  assert.deepEqual([pair?.gpus, one?.gpus], [[2, 3], [5]]);
  assert.equal(pool.take({ devices: 2, hostBytes: 0 }), null);
  assert.ok(pair);
  pool.give(pair);
  assert.deepEqual(pool.take({ devices: 2, hostBytes: 0 })?.gpus, [2, 3]);
});

Deno.test("a cpu device is a process, and has no number", () => {
  const pool = new DevicePool(2, 64 * GIB);
  assert.deepEqual(pool.take({ devices: 1, hostBytes: 0 })?.gpus, []);
  assert.ok(pool.take({ devices: 1, hostBytes: 0 }));
  assert.equal(pool.take({ devices: 1, hostBytes: 0 }), null);
});

Deno.test("what sessions are predicted to hold of the host must fit together", () => {
  const pool = new DevicePool([0, 1, 2], 64 * GIB);
  assert.ok(pool.take({ devices: 1, hostBytes: 40 * GIB }));
  assert.equal(pool.take({ devices: 1, hostBytes: 30 * GIB }), null);
  assert.ok(pool.take({ devices: 1, hostBytes: 20 * GIB }));
});

Deno.test("alone, a session may have more than the host: it is launched as it would be without others", () => {
  const pool = new DevicePool(1, GIB);
  const lease = pool.take({ devices: 4, hostBytes: 2 * GIB });
  assert.ok(lease);
  assert.equal(pool.take({ devices: 1, hostBytes: 0 }), null);
  pool.give(lease);
  assert.ok(pool.take({ devices: 1, hostBytes: 0 }));
});
