/** The written form as tables of its keys: the reference page of the language, made from the types that check it. */
import { pipelineJsonSchema } from "../language/json_schema.ts";
import type { Block } from "./document.ts";
import { columnsOf } from "./table.ts";

/** What is read of a JSON Schema. */
interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: string;
  readonly enum?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly minimum?: number;
  readonly maximum?: number;
}

const HEADERS = ["key", "value", "default", "meaning"];

/** A file that uses the forms which a table of keys cannot show. */
export const EXAMPLE = [
  "name: example",
  "model: { config: ./models/mine/config.json, weights: random }  # or a catalog name, or model: ./models/mine",
  "hardware:",
  "  nodes: 1",
  "  devices: { kind: MI300X, count: 4, memory: 192GB, bandwidth: 5300GB/s, flops: 1300TFLOPS, link: 64GB/s }",
  "  memory: 1TB",
  "  disk: 3GB/s",
  'stack: { torch: "2.13.0", transformers: "4.57.3" }  # or a name, such as "2022-07"',
  "generate: { max_new_tokens: 256 }",
  "strategies:",
  "  - accelerate",
  "  - { use: accelerate, name: capped, maxMemory: { 0: 20GiB, 1: 20GiB, cpu: 200GB } }",
  "  - { use: accelerate, name: by-hand, deviceMap: { model: 0, lm_head: 1 } }",
  "  - { use: ds-zero, offload: cpu, config: { zero_optimization: { stage3_max_live_parameters: 5.0e+8 } } }",
  "grid:",
  "  batchSize: [1, 8, 32]",
  "  promptTokens: [128, 2048]",
  "  attention: [eager, sdpa]",
  "  include: [{ strategy: ds-zero, batchSize: 64, promptTokens: 128 }]",
  "  exclude: [{ batchSize: 32, promptTokens: 2048 }]",
  "budget: { host: 500GB, predictedOom: run }",
] as const;

/** A table of the keys of the file, and one of those of each block. */
export function pipelineReference(): Block[] {
  const schema = pipelineJsonSchema() as Schema;
  const blocks = Object.entries(schema.properties ?? {}).flatMap(([name, block]) => {
    if (name === "strategies") return strategyBlocks(block);
    const object = alternatives(block).find(({ properties }) => properties !== undefined);
    if (object === undefined) return [];
    const keys = name === "grid" ? { ...object, properties: gridKeys(object) } : object;
    return [
      ...keyBlocks(name, [block.description, gridNote(name)], keys),
      ...innerBlocks(name, keys),
    ];
  });
  return [
    { kind: "title", text: "The keys of a pipeline file" },
    {
      kind: "paragraph",
      text:
        "Written by stowage schema --format markdown. Bytes are numbers or texts such as 80GB and 79GiB, durations such as 5min.",
    },
    { kind: "code", lines: EXAMPLE },
    keyTable(schema),
    ...blocks,
  ];
}

/** Blocks within a block have tables of their own. */
function innerBlocks(name: string, { properties = {} }: Schema): Block[] {
  return Object.entries(properties).flatMap(([key, value]) => {
    const [text, ...more] = alternatives(value);
    const object = [text, ...more].find((each) => each?.properties !== undefined);
    if (object === undefined) return [];
    const notes = [value.description, text?.description].filter((note) => note !== undefined);
    return keyBlocks(`${name}.${key}`, notes.slice(-1), object);
  });
}

/** The kinds of strategies share most options: those first, then what only one has. */
function strategyBlocks({ description, items }: Schema): Block[] {
  const kinds = alternatives(items ?? {}).filter(({ properties }) => properties !== undefined);
  const [first] = kinds;
  const isShared = (key: string) =>
    kinds.every(({ properties }) => properties?.[key] !== undefined);
  const own = (schema: Schema, wanted: (key: string) => boolean): Schema => ({
    ...schema,
    properties: Object.fromEntries(
      Object.entries(schema.properties ?? {}).filter(([key]) => key !== "use" && wanted(key)),
    ),
  });
  const note = "An entry is the name of a kind, or a block with use: and the options below.";
  return [
    ...keyBlocks("strategies", [description, note], own(first ?? {}, isShared)),
    ...kinds.flatMap((kind) => {
      const use = kind.properties?.["use"];
      return keyBlocks(
        `use: ${use?.const}`,
        [use?.description],
        own(kind, (key) => !isShared(key)),
      );
    }),
  ];
}

/** Lengths and lists of cells; the other axes are options of strategies, which have their tables. */
function gridKeys({ properties = {} }: Schema): Readonly<Record<string, Schema>> {
  const shown = ["batchSize", "promptTokens", "newTokens", "include", "exclude"];
  return Object.fromEntries(Object.entries(properties).filter(([key]) => shown.includes(key)));
}

function gridNote(name: string): string | undefined {
  return name === "grid"
    ? "Every option of a strategy that is one value is an axis too, given as a list."
    : undefined;
}

function keyBlocks(name: string, notes: readonly (string | undefined)[], schema: Schema): Block[] {
  const text = notes.filter((note) => note !== undefined).join(" ");
  return [
    { kind: "heading", text: name },
    ...(text === "" ? [] : [{ kind: "paragraph", text } as const]),
    keyTable(schema),
  ];
}

function keyTable({ properties = {}, required = [] }: Schema): Block {
  const rows = Object.entries(properties).map(([key, value]) => [
    key,
    valueText(value),
    required.includes(key) ? "required" : defaultText(value),
    value.description ?? alternatives(value).find(({ description }) => description)?.description ??
      "",
  ]);
  return { kind: "table", table: { columns: columnsOf(HEADERS, HEADERS.length), rows } };
}

function alternatives(schema: Schema): readonly Schema[] {
  const inner = schema.anyOf ?? schema.oneOf;
  return inner === undefined ? [schema] : inner.flatMap(alternatives);
}

function valueText(schema: Schema): string {
  return [...new Set(alternatives(schema).map(kindText))].join(", or ");
}

function kindText({ type, enum: values, items, minimum, maximum }: Schema): string {
  if (values !== undefined) return values.join(", ");
  if (type === "array") return `list of ${valueText(items ?? {})}`;
  if (type === "string") return "text";
  if (type === "object") return "block";
  if (type !== "integer") return type ?? "";
  return maximum === undefined || maximum > 1e9
    ? `integer from ${minimum ?? 0}`
    : `integer, ${minimum ?? 0} to ${maximum}`;
}

function defaultText({ default: value }: Schema): string {
  const isEmpty = typeof value === "object" && value !== null && Object.keys(value).length === 0;
  return value === undefined || isEmpty ? "" : String(value);
}
