import assert from "node:assert/strict";
import { join } from "node:path";
import { diskReader, type FileReader } from "../../lib/catalog/files.ts";
import { resolveModel } from "../../lib/catalog/model.ts";
import { findModel, modelFacts } from "../../lib/catalog/model_facts.ts";
import type { ModelSpec } from "../../lib/language/pipeline.ts";
import { parameterCount } from "../../lib/model/module.ts";
import { findFamily } from "../../lib/model/registry.ts";
import { safetensorsFile, withFolder } from "./safetensors_file.ts";

const NORM = { name: "ln_f.weight", dtype: "F32", shape: [4], bytes: 16 };

const NO_FILES: FileReader = {
  stat: () => null,
  list: () => [],
  readText: () => assert.fail("nothing is to be read"),
  readRange: () => assert.fail("nothing is to be read"),
};

function spec(part: Partial<ModelSpec>): ModelSpec {
  return { name: "m", weights: "random", ...part };
}

Deno.test("modelFacts() have the published parameter counts, by the modules that are made of their configs", () => {
  for (const { name, config, parameters } of modelFacts()) {
    const family = findFamily(String(config["model_type"]));
    const { value: shape, diagnostics } = family?.shape(config) ?? { diagnostics: [] };
    assert.deepEqual(diagnostics, [], name);
    assert.ok(family !== undefined && shape !== undefined, name);
    assert.equal(parameterCount(family.modules(shape)), parameters.value, name);
  }
});

Deno.test("BLOOM's configs say the same under their old and their new keys", () => {
  for (
    const { name, config } of modelFacts().filter(({ config }) => config["model_type"] === "bloom")
  ) {
    assert.equal(config["n_embed"], config["hidden_size"], name);
    assert.equal(config["num_attention_heads"], config["n_head"], name);
  }
});

Deno.test("findModel() knows every name once, short names and the old ones too", () => {
  const names = modelFacts().flatMap((model) => [model.name, ...model.aliases]);
  assert.equal(new Set(names.map((name) => name.toLowerCase())).size, names.length);
  assert.equal(findModel("bloom-176b")?.name, "bigscience/bloom");
  assert.equal(findModel("BigScience/BLOOMZ")?.name, "bigscience/bloom");
  assert.equal(findModel("bigscience/bloom-350m")?.name, "bigscience/bloom-560m");
  assert.equal(findModel("llama-3.1-8b-instruct")?.name, "meta-llama/Llama-3.1-8B");
  assert.equal(findModel("gpt2-tiny"), undefined);
});

Deno.test("resolveModel() takes a catalog name without touching a file", () => {
  const written = spec({ name: "bloom-7b1", catalog: "bloom-7b1" });
  const { value, diagnostics } = resolveModel(written, "/base", NO_FILES);
  assert.deepEqual(diagnostics, []);
  assert.equal(value?.name, "bloom-7b1");
  assert.equal(value?.config["n_layer"], 30);
  assert.deepEqual(value?.files, []);
});

Deno.test("resolveModel() suggests the name that was meant and lists the other ways", () => {
  const near = resolveModel(spec({ catalog: "bigscience/blom-560m" }), "/base", NO_FILES);
  assert.equal(near.value, undefined);
  assert.equal(near.diagnostics[0]?.code, "STW201");
  assert.match(
    near.diagnostics[0]?.help ?? "",
    /^Did you mean "bigscience\/bloom-560m"\?.*model\.config/,
  );
  const far = resolveModel(spec({ catalog: "tiiuae/falcon-40b" }), "/base", NO_FILES);
  assert.match(
    far.diagnostics[0]?.help ?? "",
    /^Run "stowage ls models", or name the model by a path/,
  );
});

Deno.test("resolveModel() says how a folder is written that was named as a model", () => {
  const stat = (path: string) =>
    path === "/base/models/mine" ? { kind: "directory" as const, bytes: 0 } : null;
  const files = { ...NO_FILES, stat };
  const [found] = resolveModel(spec({ catalog: "models/mine" }), "/base", files).diagnostics;
  assert.match(found?.help ?? "", /^Did you mean "\.\/models\/mine"\?/);
});

Deno.test("resolveModel() takes an inline config verbatim", () => {
  const config = { model_type: "bloom", hidden_size: 64, unknown_key: [1, { a: null }] };
  const { value } = resolveModel(spec({ config }), "/base", NO_FILES);
  assert.equal(value?.config, config);
});

Deno.test("resolveModel() reads a folder, or a config.json by its path, from the pipeline's folder", () => {
  withFolder((folder) => {
    Deno.mkdirSync(join(folder, "model"));
    const path = join(folder, "model", "config.json");
    Deno.writeTextFileSync(path, '\uFEFF{ "model_type": "bloom" }');
    for (const written of ["./model", "model/config.json", join(folder, "model")]) {
      const { value, diagnostics } = resolveModel(spec({ path: written }), folder, diskReader);
      assert.deepEqual(diagnostics, []);
      assert.deepEqual(value?.config, { model_type: "bloom" });
      assert.deepEqual(value?.files, [path]);
    }
  });
});

Deno.test("resolveModel() reads the tensors of real weights and lists what they were read from", () => {
  withFolder((folder) => {
    Deno.writeTextFileSync(join(folder, "config.json"), '{ "model_type": "bloom" }');
    Deno.writeFileSync(join(folder, "model.safetensors"), safetensorsFile([NORM]));
    const { value } = resolveModel(spec({ path: ".", weights: "files" }), folder, diskReader);
    assert.deepEqual(value?.tensors, [{ ...NORM, begin: 0, file: "model.safetensors" }]);
    assert.equal(value?.weightsPath?.replace(/\/$/, ""), folder);
    const apart = spec({ catalog: "bloom-560m", weights: "files", weightsPath: folder });
    assert.equal(resolveModel(apart, "/base", diskReader).value?.tensors?.length, 1);
    const nowhere = resolveModel(spec({ catalog: "bloom", weights: "files" }), folder, diskReader);
    assert.equal(nowhere.diagnostics[0]?.code, "STW213");
  });
});

Deno.test("resolveModel() says what is wrong with a config", () => {
  withFolder((folder) => {
    const path = join(folder, "config.json");
    function problemWith(text: string): string {
      Deno.writeTextFileSync(path, text);
      const { value, diagnostics } = resolveModel(spec({ path: folder }), "/base", diskReader);
      assert.equal(value, undefined);
      return diagnostics.map((each) => `${each.code} ${each.message}`).join();
    }
    assert.match(problemWith("model_type: bloom"), /^STW211 .*it is not JSON/);
    assert.match(problemWith("[1, 2]"), /^STW211 .*it is not a JSON object$/);
    assert.match(problemWith("null"), /^STW211 .*it is not a JSON object$/);
    assert.match(problemWith("{}"), /^STW212 .*has no "model_type"$/);
    assert.match(problemWith('{"model_type": 7}'), /^STW212/);
    assert.match(problemWith(" ".repeat(4 * 2 ** 20 + 1)), /^STW211 .*more than the/);
    const absent = resolveModel(spec({ path: "./absent" }), folder, diskReader);
    assert.equal(absent.diagnostics[0]?.code, "STW210");
    Deno.removeSync(path);
    const empty = resolveModel(spec({ path: folder }), "/base", diskReader);
    assert.match(empty.diagnostics[0]?.message ?? "", /it does not exist$/);
  });
});
