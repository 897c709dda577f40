import assert from "node:assert/strict";
import { join } from "node:path";
import {
  calibrationFolder,
  calibrationLookup,
  calibrationPath,
} from "../../lib/commands/own_calibration.ts";
import { DiagnosticError } from "../../lib/diagnostics/diagnostic.ts";
import { temporaryFolder } from "../temporary.ts";

const EMPTY = { formatVersion: "1.0", constants: {}, byStrategy: {}, spread: {} };
const SILENT = { talk: () => {} };

Deno.test("the folder is named by the environment, the most particular variable first", () => {
  const of = (variables: Record<string, string>) => calibrationFolder((name) => variables[name]);
  assert.equal(of({ HOME: "/h" }), "/h/.config/stowage/calibration");
  assert.equal(of({ HOME: "/h", XDG_CONFIG_HOME: "/x" }), "/x/stowage/calibration");
  assert.equal(of({ HOME: "/h", XDG_CONFIG_HOME: "x" }), "/h/.config/stowage/calibration");
  assert.equal(of({ HOME: "/h", STOWAGE_CONFIG_DIR: "/o" }), "/o/calibration");
  assert.equal(of({}), undefined);
});

Deno.test("a kind from a pipeline never leaves the folder", () => {
  assert.equal(calibrationPath("/c", "H100-SXM5-80GB"), "/c/h100-sxm5-80gb.json");
  for (const kind of ["../x", "a/b", "", ".hidden", "a\0b", "a b"]) {
    assert.equal(calibrationPath("/c", kind), undefined);
  }
});

Deno.test("a named file of another kind is refused, with both kinds", async () => {
  const folder = temporaryFolder();
  const path = join(folder, "mine.json");
  await Deno.writeTextFile(path, JSON.stringify({ ...EMPTY, kind: "A100-SXM4-80GB" }));
  const lookup = calibrationLookup(path, SILENT);
  assert.equal(lookup("A100-SXM4-80GB")?.kind, "A100-SXM4-80GB");
  assert.throws(() => lookup("cpu"), (error: unknown) => {
    assert.ok(error instanceof DiagnosticError);
    assert.match(error.diagnostics[0]?.message ?? "", /it is of "A100-SXM4-80GB".*"cpu"/);
    return true;
  });
});

Deno.test("without a flag the file of this host is found by the kind, and told", async () => {
  const config = temporaryFolder();
  await Deno.mkdir(join(config, "calibration"));
  const path = join(config, "calibration", "l40s-48gb.json");
  await Deno.writeTextFile(path, JSON.stringify({ ...EMPTY, kind: "L40S-48GB" }));
  const before = Deno.env.get("STOWAGE_CONFIG_DIR");
  Deno.env.set("STOWAGE_CONFIG_DIR", config);
  try {
    const said: string[] = [];
    const lookup = calibrationLookup(undefined, { talk: (text) => void said.push(text) });
    assert.equal(lookup("A100-SXM4-80GB"), undefined);
    assert.deepEqual(said, []);
    assert.equal(lookup("L40S-48GB")?.kind, "L40S-48GB");
    assert.match(said.join(), /l40s-48gb\.json/);
  } finally {
    if (before === undefined) Deno.env.delete("STOWAGE_CONFIG_DIR");
    else Deno.env.set("STOWAGE_CONFIG_DIR", before);
  }
});
