import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { Ajv } from "ajv";
import { pipelineJsonSchema, pipelineJsonSchemaText } from "../../lib/language/json_schema.ts";
import { plainValue } from "../../lib/language/yaml_value.ts";
import { parseYaml } from "../../lib/language/yaml.ts";
import { badValues } from "./bad_values.ts";
import { codesOf, smallPipeline } from "./builders.ts";

const PROJECT = fileURLToPath(new URL("../../", import.meta.url));
const SCHEMA_FILE = `${PROJECT}schema/pipeline.schema.json`;
const MODELINE = "# yaml-language-server: $schema=../schema/pipeline.schema.json\n";

const validate = new Ajv({ allErrors: true, strict: true, strictTypes: false }).compile(
  pipelineJsonSchema(),
);

/** Whether an editor accepts a text. */
function accepts(text: string): boolean {
  const node = parseYaml(text, "x.yaml").value;
  assert.ok(node !== undefined, text);
  return validate(plainValue(node, "x.yaml").value) as boolean;
}

function shippedPipelines(): readonly string[] {
  const names = Array.from(Deno.readDirSync(`${PROJECT}pipelines`), ({ name }) => name);
  return names.filter((name) => name.endsWith(".yaml"));
}

Deno.test("the committed schema is the one that the types make", () => {
  const text = pipelineJsonSchemaText();
  if (Deno.env.get("UPDATE") === "1") Deno.writeTextFileSync(SCHEMA_FILE, text);
  assert.equal(Deno.readTextFileSync(SCHEMA_FILE), text);
});

Deno.test("the schema is draft-07, and says of every key what it is for", () => {
  const schema = JSON.parse(pipelineJsonSchemaText());
  assert.equal(schema.$schema, "http://json-schema.org/draft-07/schema#");
  const undescribed: string[] = [];
  function walk(node: unknown, path: string): void {
    if (typeof node !== "object" || node === null) return;
    const { properties, ...rest } = node as Record<string, unknown>;
    for (const [key, value] of Object.entries(properties ?? {})) {
      if (!("description" in value)) undescribed.push(`${path}.${key}`);
      walk(value, `${path}.${key}`);
    }
    for (const [key, value] of Object.entries(rest)) walk(value, `${path}/${key}`);
  }
  walk(schema, "");
  assert.deepEqual(undescribed, []);
});

for (const name of shippedPipelines()) {
  Deno.test(`pipelines/${name} names its schema and agrees with it`, () => {
    const text = Deno.readTextFileSync(`${PROJECT}pipelines/${name}`);
    assert.ok(text.startsWith(MODELINE), "the modeline comes first");
    assert.ok(accepts(text), JSON.stringify(validate.errors, null, 2));
    assert.deepEqual(codesOf(text), []);
  });
}

Deno.test("an editor accepts all sugar", () => {
  for (
    const more of [
      "",
      "hardware: { name: jean-zay-a100-8, nodes: 2 }",
      "hardware: { devices: { kind: mine, count: 2, memory: 24GB, bandwidth: 1TB/s, flops: 80TFLOPS } }",
      'stack: { torch: "2.11.0" }',
      "strategies: [accelerate, { use: ds-zero, offload: nvme, nvmePath: /scratch }]",
      "prompts: builtin",
      "budget: { device: 79GiB, host: 500000000000, predictedOom: only }",
      "grid: { batchSize: [1, 8], dtype: [float16], exclude: [{ batchSize: 8, dtype: float16 }] }",
      "benchmark: { timeout: 90 s }",
    ]
  ) {
    assert.ok(accepts(smallPipeline(more)), `${more}: ${JSON.stringify(validate.errors)}`);
  }
});

/** Mistakes that a pattern cannot show: they need arithmetic. */
const BEYOND_A_SCHEMA: readonly string[] = [
  "a size of zero",
  "a size of half a byte",
  "a size beyond all numbers",
  "a count that is not a number",
  "a count that is infinite",
];

Deno.test("an editor refuses the values that the language refuses", () => {
  const accepted = Object.entries(badValues)
    .filter(([what, more]) => !BEYOND_A_SCHEMA.includes(what) && accepts(smallPipeline(more)))
    .map(([what]) => what);
  assert.deepEqual(accepted, []);
});
