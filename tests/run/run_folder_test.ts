import assert from "node:assert/strict";
import { basename, join } from "node:path";
import { fileName, makeRunFolder, writeWhole } from "../../lib/run/run_folder.ts";
import { temporaryFolder } from "../temporary.ts";

Deno.test("two runs of one second get folders of their own", () => {
  const outDir = join(temporaryFolder(), "runs");
  const now = new Date("2026-01-02T03:04:05Z");
  const names = [1, 2, 3].map(() => basename(makeRunFolder(outDir, "tiny", now)));
  assert.deepEqual(names, [
    "2026-01-02T03-04-05-tiny",
    "2026-01-02T03-04-05-tiny-2",
    "2026-01-02T03-04-05-tiny-3",
  ]);
});

Deno.test("a name stays one plain part of the path", () => {
  for (const hostile of ["../../etc", "a/b", "..", "", "-rf", "x\n$(touch y)", "é", "/abs"]) {
    assert.match(fileName(hostile), /^[A-Za-z0-9_][A-Za-z0-9._-]*$/);
  }
});

Deno.test("a file that cannot be written whole leaves nothing behind", () => {
  const folder = temporaryFolder();
  const path = join(folder, "results.json");
  Deno.mkdirSync(path);
  assert.throws(() => writeWhole(path, "text"));
  assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["results.json"]);
  writeWhole(join(folder, "other"), "text");
  assert.equal(Deno.readTextFileSync(join(folder, "other")), "text");
});
