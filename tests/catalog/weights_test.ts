import assert from "node:assert/strict";
import { join } from "node:path";
import { diskReader } from "../../lib/catalog/files.ts";
import { readCheckpoint } from "../../lib/catalog/weights.ts";
import { fileWithHeader, safetensorsFile, withFolder } from "./safetensors_file.ts";

const EMBEDDING = { name: "word_embeddings.weight", dtype: "F16", shape: [5, 4], bytes: 40 };
const NORM = { name: "ln_f.weight", dtype: "F32", shape: [4], bytes: 16 };

function codesOf(folder: string): string[] {
  return readCheckpoint(folder, diskReader).diagnostics.map((diagnostic) =>
    `${diagnostic.code} ${diagnostic.message.replaceAll(folder, "FOLDER")}`
  );
}

function writeIndex(folder: string, map: unknown): void {
  const text = JSON.stringify({ metadata: { total_size: 56 }, weight_map: map });
  Deno.writeTextFileSync(join(folder, "model.safetensors.index.json"), text);
}

Deno.test("readCheckpoint() reads the exact tensors of model.safetensors", () => {
  withFolder((folder) => {
    Deno.writeFileSync(join(folder, "model.safetensors"), safetensorsFile([EMBEDDING, NORM]));
    const { value, diagnostics } = readCheckpoint(folder, diskReader);
    assert.deepEqual(diagnostics, []);
    assert.deepEqual(value?.tensors, [
      { ...EMBEDDING, begin: 0, file: "model.safetensors" },
      { ...NORM, begin: 40, file: "model.safetensors" },
    ]);
    assert.deepEqual(value?.files, []);
  });
});

Deno.test("readCheckpoint() joins the shards that the index lists and ignores other tensors", () => {
  withFolder((folder) => {
    const stray = { ...NORM, name: "stray" };
    Deno.writeFileSync(join(folder, "a.safetensors"), safetensorsFile([EMBEDDING]));
    Deno.writeFileSync(join(folder, "b.safetensors"), safetensorsFile([NORM, stray]));
    writeIndex(folder, { [EMBEDDING.name]: "a.safetensors", [NORM.name]: "b.safetensors" });
    const { value, diagnostics } = readCheckpoint(folder, diskReader);
    assert.deepEqual(diagnostics, []);
    assert.deepEqual(value?.tensors?.map((tensor) => [tensor.name, tensor.file]), [
      [EMBEDDING.name, "a.safetensors"],
      [NORM.name, "b.safetensors"],
    ]);
    assert.deepEqual(value?.files, [join(folder, "model.safetensors.index.json")]);
  });
});

Deno.test("readCheckpoint() takes pickled weights without sizes", () => {
  withFolder((folder) => {
    Deno.writeTextFileSync(join(folder, "pytorch_model.bin"), "pickle");
    const path = join(folder, "pytorch_model.bin");
    assert.deepEqual(readCheckpoint(folder, diskReader), {
      value: { files: [], weightFiles: [{ path, bytes: 6, headBytes: 6 }] },
      diagnostics: [],
    });
  });
});

Deno.test("readCheckpoint() says that a folder has no weights", () => {
  withFolder((folder) => {
    assert.match(codesOf(folder).join(), /^STW213 There are no weights in "FOLDER": none of/);
    assert.match(codesOf(join(folder, "absent")).join(), /^STW213 .* it is not a folder$/);
  });
});

Deno.test("readCheckpoint() says that a file was cut off or is a Git LFS pointer", () => {
  withFolder((folder) => {
    const path = join(folder, "model.safetensors");
    const whole = safetensorsFile([EMBEDDING, NORM]);
    Deno.writeFileSync(path, whole.subarray(0, whole.length - 1));
    assert.match(
      codesOf(folder).join(),
      /^STW214 .*its tensors take 56 bytes and the file has 55$/,
    );
    Deno.writeTextFileSync(path, "version https://git-lfs.github.com/spec/v1\n");
    assert.match(codesOf(folder).join(), /^STW214 .*more than the format allows$/);
    Deno.writeFileSync(path, fileWithHeader("{", 0));
    assert.match(codesOf(folder).join(), /^STW214 .*not JSON$/);
  });
});

Deno.test("readCheckpoint() refuses an index that leaves the folder", () => {
  withFolder((folder) => {
    for (const file of ["../secret.safetensors", "/etc/passwd", "..", "a\u0000b", "", 7]) {
      writeIndex(folder, { weight: file });
      assert.match(codesOf(folder).join(), /^STW214 .*not a file name in the folder$/);
    }
    writeIndex(folder, {});
    assert.match(codesOf(folder).join(), /^STW214 .*lists no tensors$/);
    writeIndex(folder, []);
    assert.match(codesOf(folder).join(), /^STW214 .*no "weight_map"$/);
  });
});

Deno.test("readCheckpoint() says which shard is missing or incomplete", () => {
  withFolder((folder) => {
    Deno.writeFileSync(join(folder, "a.safetensors"), safetensorsFile([EMBEDDING]));
    writeIndex(folder, {
      [EMBEDDING.name]: "a.safetensors",
      x: "a.safetensors",
      y: "b.safetensors",
    });
    const found = codesOf(folder);
    assert.equal(found.length, 2);
    assert.match(found[0] ?? "", /^STW214 .*a\.safetensors": it lacks 1 of the tensors/);
    assert.match(found[1] ?? "", /^STW213 .*b\.safetensors is not there$/);
  });
});

Deno.test("readCheckpoint() turns an error of the disk into a diagnostic", () => {
  const refusing = {
    ...diskReader,
    stat: () => {
      throw new Deno.errors.PermissionDenied("no\nstack");
    },
  };
  const { diagnostics } = readCheckpoint("/models/m", refusing);
  assert.deepEqual(diagnostics.map((each) => `${each.code} ${each.message}`), [
    'STW215 Cannot read "/models/m": no',
  ]);
});
