import assert from "node:assert/strict";
import { speedCalibration } from "../../lib/catalog/speed_calibration.ts";
import { loadTime } from "../../lib/speed/load.ts";

const FACTS = {
  ...speedCalibration(
    { kind: "H100-SXM5-80GB" },
    { name: "x", versions: {}, runnable: true },
    "ds-zero",
  ),
  importSeconds: 10,
  setupSeconds: 1,
  readBytesPerSecond: 2,
  cutBytesPerSecond: 4,
  sharedReadBytesPerSecond: 12,
};
const DISK = { diskBytesPerSecond: 4 };
const WORK = { ranks: 1, nodes: 1, readBytes: 40, uniqueBytes: 40, cuts: false, readsAhead: false };

function seconds(changes: Partial<typeof WORK>, disk: Parameters<typeof loadTime>[1] = DISK) {
  return loadTime({ ...WORK, ...changes }, disk, FACTS).weightsSeconds - FACTS.setupSeconds;
}

Deno.test("one rank reads as fast as the slower of itself and the disk", () => {
  assert.equal(seconds({}), 20);
  assert.equal(seconds({}, { diskBytesPerSecond: 1 }), 40);
  assert.equal(loadTime(WORK, DISK, FACTS).importSeconds, 10);
});

Deno.test("cutting whole tensors takes time of its own", () => {
  assert.equal(seconds({ cuts: true }), 30);
});

Deno.test("ranks that read the same files wait for the disk once, and share what the page cache gives", () => {
  assert.equal(seconds({ ranks: 8, readBytes: 320 }), 320 / 12);
  assert.equal(seconds({ ranks: 8, readBytes: 320 }, { diskBytesPerSecond: 1 }), 40);
  assert.equal(seconds({ ranks: 8, readBytes: 320, nodes: 2 }), 20);
});

Deno.test("a parallel file system serves several readers at once", () => {
  const disk = { diskBytesPerSecond: 1, diskReaders: 3 };
  assert.equal(seconds({ ranks: 8 }, disk), 40 / 3);
  assert.equal(seconds({}, disk), 40);
});

Deno.test("what is read while Python imports need not be waited for", () => {
  const slow = { diskBytesPerSecond: 1 };
  assert.equal(seconds({ readsAhead: true }, slow), 40 - FACTS.importSeconds);
  assert.equal(seconds({ readsAhead: true }), 20, "the rank itself is as slow as before");
});
