import assert from "node:assert/strict";
import { parsePipeline } from "../../lib/language/compile.ts";
import { resolve, strategyContext } from "../../lib/plan/resolve.ts";
import { planContext } from "./compile_text.ts";

function resolved(text: string, context: Parameters<typeof planContext>[0] = {}) {
  const pipeline = parsePipeline({ text, path: "p.yaml" }).value?.pipeline;
  assert.ok(pipeline);
  const { value, diagnostics } = resolve(pipeline, planContext(context));
  assert.ok(value, JSON.stringify(diagnostics));
  return { pipeline, value };
}

const GPUS = `
model: bloom-560m
hardware: { devices: 2x A100-SXM4-80GB, memory: 100GB }
strategies: [{ use: ds-zero }]
`;

Deno.test("names become facts", () => {
  const { value } = resolved(GPUS);
  assert.equal(value.model.config["hidden_size"], 1024);
  assert.equal(value.hardware.deviceCount, 2);
  assert.equal(value.shape.layers, 24);
  assert.equal(value.root.className, "BloomForCausalLM");
  assert.equal(value.stack.name, "current");
});

Deno.test("versions that were found beat the stack of the pipeline", () => {
  const { value } = resolved(GPUS, { stackVersions: { torch: "2.12.0" } });
  assert.deepEqual(value.stack.versions["torch"], "2.12.0");
});

function capacities(text: string) {
  const { pipeline, value } = resolved(text);
  const { deviceCapacityBytes, hostCapacityBytes } = strategyContext(pipeline, value, {
    use: "ds-zero",
    allocator: "native",
  });
  return { device: deviceCapacityBytes, host: hostCapacityBytes };
}

Deno.test("a capacity is the least of what there is and what the budget allows", () => {
  const whole = capacities(GPUS);
  assert.equal(whole.host, 100e9);
  assert.ok((whole.device ?? 0) > 79 * 2 ** 30);
  assert.deepEqual(capacities(`${GPUS}budget: { device: 20GB, host: 50GB }\n`), {
    device: 20e9,
    host: 50e9,
  });
  assert.deepEqual(capacities(`${GPUS}budget: { device: 200GB, host: 500GB }\n`), whole);
});

Deno.test("a cpu device without a budget has no known capacity", () => {
  const text = "model: bloom-560m\nhardware: 2x cpu\nstrategies: [{ use: ds-zero }]\n";
  assert.equal(capacities(text).device, null);
  assert.equal(capacities(`${text}budget: { device: 4GB }\n`).device, 4e9);
});

Deno.test("old versions of families that are traced as newer ones run them are told", () => {
  const text = (stack: string, model: string) => `
model: ${model}
hardware: 1x A100-SXM4-80GB
stack: ${stack}
strategies: [{ use: accelerate }]
`;
  function codes(stack: string, model: string): string[] {
    const pipeline = parsePipeline({ text: text(stack, model), path: "p.yaml" }).value?.pipeline;
    assert.ok(pipeline);
    return resolve(pipeline, planContext({})).diagnostics.map(({ code }) => code);
  }
  const llama = "{ name: x, config: { model_type: llama, vocab_size: 100, hidden_size: 64, " +
    "num_hidden_layers: 2, num_attention_heads: 4, intermediate_size: 128 } }";
  assert.deepEqual(codes("{ transformers: 4.30.2 }", llama), ["STW321"]);
  assert.deepEqual(codes("{ transformers: 4.57.3 }", llama), []);
  assert.deepEqual(codes("{ transformers: 4.30.2 }", "bloom-560m"), []);
});
