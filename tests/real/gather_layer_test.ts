/** Whole layers that ZeRO gathers together give the tokens of modules that it gathers one by one, on two gloo ranks. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { stowage } from "./environment.ts";

const SIZES = {
  vocab_size: 512,
  hidden_size: 128,
  bos_token_id: 1,
  eos_token_id: 2,
  pad_token_id: 3,
};
/** With large weights the tokens vary. */
const MODELS = {
  bloom: { ...SIZES, model_type: "bloom", n_layer: 6, n_head: 4, initializer_range: 0.2 },
  llama: {
    ...SIZES,
    model_type: "llama",
    intermediate_size: 256,
    num_hidden_layers: 6,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    initializer_range: 0.2,
  },
};

for (const [name, config] of Object.entries(MODELS)) {
  Deno.test(`${name}: gather: layer and gather: module make the same tokens`, async () => {
    const folder = Deno.makeTempDirSync({ prefix: "stowage-gather-" });
    try {
      const pipeline = join(folder, "gather.json");
      const common = { use: "ds-zero", dtype: "float32" };
      Deno.writeTextFileSync(
        pipeline,
        JSON.stringify({
          model: { name, weights: "random", config },
          hardware: "2x cpu",
          generate: { max_new_tokens: 8 },
          prompts: { tokens: 6 },
          strategies: [
            { ...common, name: "module", gather: "module" },
            { ...common, name: "layer", gather: "layer" },
          ],
          grid: { batchSize: [1, 3] },
          benchmark: { warmup: 1, cycles: 1 },
        }),
      );
      const { code, stdout, stderr } = await stowage(["run", pipeline, "--format", "json"], folder);
      assert.equal(code, 0, stderr);
      const { cells, run } = JSON.parse(stdout);
      assert.equal(cells.length, 4);
      const tokens = new Map<string, string>();
      for (const { strategy, batchSize, measurement, prediction } of cells) {
        tokens.set(`${strategy.name} ${batchSize}`, measurement.tokensSha256);
        const ratio = measurement.devices[0].peakBytes / prediction.devices[0].peakBytes.mid;
        assert.ok(ratio > 0.95 && ratio < 1.05, `measured ${ratio} of the prediction`);
      }
      for (const batch of [1, 3]) {
        assert.match(tokens.get(`layer ${batch}`) ?? "", /^[0-9a-f]{64}$/);
        assert.equal(tokens.get(`layer ${batch}`), tokens.get(`module ${batch}`));
      }
      assert.notEqual(tokens.get("layer 1"), tokens.get("layer 3"));
      // What tests/real/zero_gathers_test.ts shows of leaves is what DeepSpeed was told of the layers, and of nothing else.
      const leavesOf = (strategy: string) => {
        const request = join(run.folder, "sessions", strategy, "attempt-1", "request.json");
        return JSON.parse(Deno.readTextFileSync(request)).deepspeedConfig.zero_optimization
          .leaf_module;
      };
      assert.equal(leavesOf("layer").classes.length, 1);
      assert.equal(leavesOf("module"), undefined);
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  });
}
